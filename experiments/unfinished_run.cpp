#include "experiments/unfinished_run.hpp"

#include <fmt/format.h>

#include "engine/base/error.hpp"

namespace lockstep {

namespace fs = std::filesystem;

void refuse_unfinished(const fs::path& path) {
  std::error_code ignored;
  const fs::path folder = path.extension() == ".part" ? path : fs::path(path.string() + ".part");
  fs::path file = folder;
  file.replace_extension();
  if (!fs::is_directory(folder, ignored) || fs::exists(file, ignored)) return;
  std::int64_t batches = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    batches += entry.path().extension() == ".h5";
  throw InputError(fmt::format(
      "{} is not finished ({} holds {} saved batch{} of blocks; the run was interrupted "
      "or still goes on) continue with the options it began with and --resume: lockstep "
      "run STUDY.ini -o {} --resume",
      file.string(), folder.string(), batches, batches == 1 ? "" : "es", file.string()));
}

}  // namespace lockstep
