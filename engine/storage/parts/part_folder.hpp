#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "engine/storage/files/folder_lock.hpp"
#include "engine/storage/identity.hpp"
#include "engine/storage/parts/block_source.hpp"
#include "engine/storage/parts/part_file.hpp"

namespace lockstep {

/// The folder FILE.h5.part: numbered batches of finished blocks, each there whole or not at all.
class PartFolder : public BlockSource {
 public:
  /// Effect: makes the folder if need be, locks it against a second process, removes temporary
  /// files of a killed one and reads every part. `schema` must outlive the folder.
  /// Throws InputError: the folder cannot be made or written, another process writes there, a part
  /// does not read or stems from another run (the message says which value differs).
  PartFolder(std::filesystem::path folder, const ResultSchema& schema, Identity identity);
  PartFolder(const PartFolder&) = delete;
  PartFolder& operator=(const PartFolder&) = delete;
  /// Effect: saves the blocks as one part; when it returns they survive a crash. Throws IoError.
  void append(const std::vector<BlockResult>& blocks);
  /// Numbers of all saved blocks, ascending.
  std::vector<std::int64_t> blocks() const;
  bool holds(std::int64_t block) const { return home_.contains(block); }
  std::int64_t count() const { return static_cast<std::int64_t>(home_.size()); }
  bool empty() const { return parts_ == 0; }
  /// One saved block. At most two parts are in memory; blocks asked for in the order they were
  /// saved cost one read of each part.
  const BlockResult& read(std::int64_t block) override;
  /// Effect: removes the parts, as far as the file system lets it. The folder goes with its lock,
  /// once nothing is in it.
  void remove();
  /// Throws IoError when another run has taken the folder over.
  void check() const { lock_.check(); }

 private:
  std::filesystem::path part_path(std::int64_t number) const;
  void clean_and_load();
  void load(std::int64_t number);
  Part decode(std::int64_t number) const;

  std::filesystem::path folder_;
  const ResultSchema& schema_;
  Identity identity_;
  FolderLock lock_;
  std::int64_t parts_ = 0;                     ///< on disk
  std::int64_t next_ = 0;                      ///< number of the next part
  std::map<std::int64_t, std::int64_t> home_;  ///< block -> number of its part
  std::list<std::pair<std::int64_t, std::map<std::int64_t, BlockResult>>> cache_;  ///< latest first
};

}  // namespace lockstep
