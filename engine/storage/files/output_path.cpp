#include "engine/storage/files/output_path.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string>

#include "engine/base/error.hpp"
#include "engine/storage/files/durable_file.hpp"

namespace lockstep {

namespace fs = std::filesystem;

namespace {

/// Why nothing can be written there, with what to do; "" when it can.
std::string problem_of(const fs::path& output, std::string_view option) {
  const std::string another = fmt::format("choose another {}", option);
  std::error_code ignored;
  if (!output.has_filename())
    return fmt::format("(it names a folder) add the name of the file to {}", option);
  const fs::path folder = folder_of(output);
  if (!fs::is_directory(folder, ignored))
    return fmt::format("(there is no folder {}) make it or {}", folder.string(), another);
  const long longest = ::pathconf(folder.c_str(), _PC_NAME_MAX);
  const std::size_t length = part_folder(output).filename().string().size();
  const std::size_t whole = fs::absolute(unnamed_result(output), ignored).string().size();
  if ((longest > 0 && length > static_cast<std::size_t>(longest)) || whole >= PATH_MAX)
    return fmt::format("(its name is too long) choose a shorter {}", option);
  const fs::file_status status = fs::status(output, ignored);
  if (fs::is_directory(status)) return fmt::format("(it is a folder) {}", another);
  if (fs::exists(status) && !fs::is_regular_file(status))
    return fmt::format("(it is no file, but a device or the like) {}", another);
  if (!fs::exists(status) && fs::is_symlink(fs::symlink_status(output, ignored)))
    return fmt::format("(it is a link to nothing) {}", another);
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return fmt::format("({}: {}) {}", folder.string(), std::strerror(errno), another);
  return "";
}

}  // namespace

void check_output(const fs::path& output, std::string_view option) {
  if (output.empty())
    throw InputError(fmt::format(
        "the name of the output is empty ({0} needs a file) write {0} FILE.h5", option));
  if (const std::string problem = problem_of(output, option); !problem.empty())
    throw InputError(fmt::format("cannot write {} {}", output.string(), problem));
}

fs::path part_folder(const fs::path& output) {
  return output.string() + ".part";
}

fs::path unnamed_result(const fs::path& output) {
  return part_folder(output) / "result.tmp";
}

}  // namespace lockstep
