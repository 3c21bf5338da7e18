#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace lockstep {

struct MergeReport {
  std::int64_t shards = 0;          ///< files merged
  std::int64_t blocks = 0;          ///< of the plan
  std::int64_t blocks_missing = 0;  ///< 0 unless allow_missing
};

/// Effect: writes at `output` the results file that one unsharded run would have written, equal bit
/// for bit in every dataset and root attribute. With `allow_missing` blocks that no shard holds are
/// NaN and are listed in blocks_missing and missing_block.
///
/// Each shard is opened twice, one at a time: first all are checked (same study_id, seed, schema,
/// program version and plan; no block twice; none missing), then their blocks go to a scratch file
/// beside the output, already in file order, from which the output is written chunk by chunk.
/// Memory: one block and one chunk per variable, 8 bytes per block of the plan; not more for more
/// shards. Disk: twice the result for a while. Time: about linear in the bytes.
///
/// Throws InputError, one line, with no output left: a shard does not read, is damaged, stems from
/// another run, repeats a block, or blocks are missing; the output exists, is being
/// written, or cannot be written. Throws IoError when writing fails.
MergeReport merge_shards(std::span<const std::filesystem::path> shards,
                         const std::filesystem::path& output, bool allow_missing);

}  // namespace lockstep
