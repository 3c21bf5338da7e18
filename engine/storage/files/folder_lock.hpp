#pragma once

#include <filesystem>
#include <optional>

#include "engine/storage/files/claim.hpp"
#include "engine/storage/files/durable_file.hpp"

namespace lockstep {

/// Keeps every other run away from a folder: by flock, which ends with the process, or by a Claim
/// where the file system knows none.
class FolderLock {
 public:
  /// Effect: makes the folder if need be, and takes it. Throws InputError: it cannot be made or
  /// written, or another process has it.
  explicit FolderLock(std::filesystem::path folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  /// Effect: gives the folder back, and removes it when nothing is in it.
  ~FolderLock();

  /// Throws IoError when another run has taken the folder over.
  void check() const;

 private:
  std::filesystem::path folder_;
  FileDescriptor file_;
  std::optional<Claim> claim_;
};

}  // namespace lockstep
