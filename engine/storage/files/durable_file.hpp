#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace lockstep {

/// Messages are "problem (why)"; what to do next, the caller knows.

/// Effect: a file `path` with these bytes that survives a crash of program or machine: written
/// under `path` + ".tmp", fsync, rename, fsync of the folder. On failure nothing stands under
/// `path`, the temporary file is gone. Throws IoError with the system's reason.
void write_durably(const std::filesystem::path& path, std::string_view bytes);

/// Effect: gives the finished file `temporary` its name, durably: fsync, rename, fsync of the
/// folder. Throws IoError with the system's reason; then nothing stands under `path`.
void publish(const std::filesystem::path& temporary, const std::filesystem::path& path);

/// Effect: makes a rename or removal in `folder` durable. A file system that knows no such call is
/// left alone. Throws IoError.
void sync_folder(const std::filesystem::path& folder);

/// The folder a path stands in; "." for a bare name.
std::filesystem::path folder_of(const std::filesystem::path& path);

/// A whole file in memory. Throws IoError.
std::string read_bytes(const std::filesystem::path& path);

/// Owns one file descriptor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int number = -1) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor();
  int number() const { return number_; }
  /// Closes now; false when the system reports a failed write.
  bool close();

 private:
  int number_;
};

}  // namespace lockstep
