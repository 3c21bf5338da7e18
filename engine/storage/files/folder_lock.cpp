#include "engine/storage/files/folder_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

fs::path lock_path(const fs::path& folder) {
  return folder / "lock";
}

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directory(folder, failure);
  if (failure || !fs::is_directory(folder))
    throw InputError(
        fmt::format("cannot create {} ({}) choose another -o", folder.string(),
                    failure ? failure.message() : "a file of that name is in the way"));
}

/// Whether the open file is the one of that name, and not one that its owner has removed meanwhile.
bool is_named(const FileDescriptor& file, const fs::path& path) {
  struct stat open {
  }, named{};
  return ::fstat(file.number(), &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

FolderLock::FolderLock(fs::path folder) : folder_(std::move(folder)) {
  const fs::path path = lock_path(folder_);
  for (;;) {
    make_folder(folder_);
    FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (file.number() < 0 && errno == ENOENT) continue;  // its owner removed the folder
    if (file.number() < 0)
      throw InputError(fmt::format("cannot write in {} ({}) choose another -o", folder_.string(),
                                   std::strerror(errno)));
    const bool locked = ::flock(file.number(), LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno == EINTR) continue;
    if (!locked && errno == EWOULDBLOCK)
      throw InputError(
          fmt::format("{} is in use (another process writes it) wait for it, or choose another -o",
                      folder_.string()));
    if (locked && !is_named(file, path)) continue;
    if (!locked) claim_.emplace(folder_);
    file_ = std::move(file);
    return;
  }
}

FolderLock::~FolderLock() {
  std::error_code ignored;
  const bool ours = !claim_ || !claim_->lost();
  claim_.reset();
  if (!ours) return;
  // The name goes before the lock, or another process could lock a file that then loses its name.
  fs::remove(lock_path(folder_), ignored);
  file_.close();
  fs::remove(folder_, ignored);
}

void FolderLock::check() const {
  if (claim_ && claim_->lost())
    throw IoError(fmt::format("another run has taken over {} (this one was silent for too long)",
                              folder_.string()));
}

}  // namespace lockstep
