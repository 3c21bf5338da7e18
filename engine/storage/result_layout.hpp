#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/storage/identity.hpp"
#include "engine/storage/parts/block_source.hpp"

namespace lockstep {

/// Largest chunk of a variable [B], unless one trial is larger.
inline constexpr std::int64_t chunk_bytes = std::int64_t{1} << 20;

/// Trials in a chunk: whole blocks while they fit in chunk_bytes, else the largest divisor of the
/// block that fits, at least one trial. In a shard no more than one block, so that the blocks of
/// other shards take no room.
std::int64_t chunk_trials(const ResultSchema& schema, const Variable& variable, bool shard);

/// What a file holds beside its schema.
struct FileContent {
  std::optional<Shard> shard;        ///< a shard file, or else a results file
  std::vector<std::int64_t> blocks;  ///< held, ascending
  RuntimeInfo runtime;
  std::int64_t shards_merged = 0;  ///< 0: written by one run
};

/// Effect: writes a whole result or shard file at `path`, blocks in ascending order; it is not yet
/// durable (see publish). Equal schema and blocks give equal bytes up to /runtime.
/// Memory: one chunk or one block per variable, whichever is larger. Throws IoError.
void write_result_file(const std::filesystem::path& path, const ResultSchema& schema,
                       const FileContent& content, BlockSource& source);

/// A file of the kind "points": all that a file of the schema says before any trial, and its
/// variables without a value. Throws IoError.
std::string points_image(const ResultSchema& schema);

}  // namespace lockstep
