#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/storage/identity.hpp"

namespace lockstep {

class PartFolder;

struct WriterOptions {
  std::filesystem::path path;  ///< of the final file
  bool resume = false;         ///< go on with the parts of an interrupted run
  std::optional<Shard> shard;  ///< write a shard file
  /// Blocks this file is to hold, in any order; absent: all of the plan.
  std::optional<std::vector<std::int64_t>> blocks;
  std::size_t batch_bytes = std::size_t{16} << 20;  ///< a batch is saved at this size [B]
  double batch_seconds = 1;                         ///< or at this age [s]
};

/// Keeps the blocks of a run so that nothing finished is ever lost: batches go to PATH.part, and
/// PATH appears when all blocks are there, whole or not at all. One thread at a time.
class ResultWriter : public ResultSink {
 public:
  /// Effect: makes PATH.part; with `resume` reads what it holds. Before anything is computed throws
  /// InputError: an output exists and `resume` is off; PATH cannot be written; parts or a complete
  /// file are of another study_id, seed, schema, program version or shard (the message says which);
  /// a part is damaged; another process is writing PATH.
  ResultWriter(ResultSchema schema, WriterOptions options);
  /// Drops the pending batch; what was saved stays.
  ~ResultWriter() override;

  /// True when PATH was already complete: there is nothing to compute, write or finish.
  bool already_complete() const { return complete_; }
  /// Blocks that need not be computed again, ascending.
  std::vector<std::int64_t> finished_blocks() const;
  /// Blocks that are safe on disk, of blocks_to_hold().
  std::int64_t saved_blocks() const;
  std::int64_t blocks_to_hold() const { return static_cast<std::int64_t>(blocks_.size()); }

  /// One of the blocks that were there before, with its values; valid until the next call.
  const BlockResult& finished_block(std::int64_t block);

  /// Takes one block; a batch is saved when it reaches its size or age (a thousandth of the run so
  /// far once that is longer, so that a day's run leaves thousands of parts, not a hundred
  /// thousand). Throws IoError when the batch cannot be saved; it stays pending.
  void write(const BlockResult& block) override;
  /// Effect: saves the pending batch now, as before an exit on a signal. Throws IoError.
  void flush();
  /// Effect: saves the pending batch, writes PATH from the parts in block order, removes the parts.
  /// All blocks must have been written. Memory: a few parts, one chunk per variable. Throws IoError
  /// with nothing under PATH and all parts kept; std::logic_error when a block is missing. With
  /// `stop`, of a schema that has a stopping rule, PATH holds the first stop->trials of each design
  /// point; these blocks are needed, others left out.
  void finish(const RuntimeInfo& runtime, const std::optional<Stop>& stop = {});

 private:
  using Clock = std::chrono::steady_clock;

  bool accept_complete_file() const;
  bool batch_is_due() const;
  /// Effect: removes the parts and their folder.
  void drop_parts();

  ResultSchema schema_;
  WriterOptions options_;
  std::vector<std::int64_t> blocks_;  ///< to hold, ascending
  bool complete_ = false;
  std::unique_ptr<PartFolder> parts_;
  std::vector<BlockResult> batch_;
  std::size_t batch_size_ = 0;  ///< [B]
  Clock::time_point started_ = Clock::now(), last_saved_ = Clock::now();
};

}  // namespace lockstep
