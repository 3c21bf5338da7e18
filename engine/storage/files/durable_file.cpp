#include "engine/storage/files/durable_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

[[noreturn]] void fail(const char* action, const std::filesystem::path& path, int code) {
  throw IoError(fmt::format("cannot {} {} ({})", action, path.string(), std::strerror(code)));
}

/// Writes all bytes, however few the system takes at a time; 0 or the error's number.
int write_fully(int number, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(number, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  close();
}

bool FileDescriptor::close() {
  if (number_ < 0) return true;
  const int number = number_;
  number_ = -1;
  return ::close(number) == 0;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.number() < 0) fail("open", folder, errno);
  if (::fsync(file.number()) != 0 && errno != EINVAL && errno != ENOTSUP && errno != ENOSYS)
    fail("save", folder, errno);
}

void publish(const std::filesystem::path& temporary, const std::filesystem::path& path) {
  {
    FileDescriptor file(::open(temporary.c_str(), O_RDWR | O_CLOEXEC));
    if (file.number() < 0) fail("open", temporary, errno);
    if (::fsync(file.number()) != 0) fail("save", temporary, errno);
    if (!file.close()) fail("save", temporary, errno);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail("create", path, errno);
  try {
    sync_folder(folder_of(path));
  } catch (const IoError&) {
    // The name may not survive a power cut, so the file must not look finished now either.
    ::rename(path.c_str(), temporary.c_str());
    throw;
  }
}

void write_durably(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  try {
    FileDescriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.number() < 0) fail("create", temporary, errno);
    if (const int code = write_fully(file.number(), bytes)) fail("write", temporary, code);
    if (!file.close()) fail("write", temporary, errno);
    publish(temporary, path);
  } catch (const IoError&) {
    ::unlink(temporary.c_str());
    throw;
  }
}

std::string read_bytes(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) fail("read", path, errno);
  std::string bytes;
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  bytes.resize(ignored ? 0 : size);
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = ::read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", path, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace lockstep
