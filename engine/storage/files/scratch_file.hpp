#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "engine/storage/files/durable_file.hpp"
#include "engine/storage/parts/block_source.hpp"

namespace lockstep {

/// The values of a study as flat arrays on disk, one per variable, (points, trials, extents...):
/// blocks go in as shards hold them and come out in any order, each for one system call per
/// variable. The file has no name and vanishes with the process.
class ScratchFile : public BlockSource {
 public:
  /// Makes it in `folder`; `schema` must outlive it. Throws InputError when the folder cannot be
  /// written.
  ScratchFile(const std::filesystem::path& folder, const ResultSchema& schema);
  /// Effect: keeps the block. Throws IoError.
  void write(const BlockResult& block);
  const BlockResult& read(std::int64_t block) override;

 private:
  std::int64_t offset(const BlockResult& block, std::size_t variable) const;

  const ResultSchema& schema_;
  std::vector<std::int64_t> begin_;      ///< of each variable [B]
  std::vector<std::int64_t> per_trial_;  ///< of each variable [B]
  FileDescriptor file_;
  BlockResult block_;
};

}  // namespace lockstep
