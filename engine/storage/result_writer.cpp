#include "engine/storage/result_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/storage/files/durable_file.hpp"
#include "engine/storage/files/output_path.hpp"
#include "engine/storage/parts/part_folder.hpp"
#include "engine/storage/result_layout.hpp"
#include "engine/storage/result_reader.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// Far longer than a batch, and a run that is killed at this rate loses a thousandth of its work.
constexpr double batch_share_of_run = 1e-3;

std::vector<std::int64_t> all_blocks(const ResultSchema& schema) {
  std::vector<std::int64_t> blocks(static_cast<std::size_t>(schema.blocks()));
  std::iota(blocks.begin(), blocks.end(), 0);
  return blocks;
}

std::vector<std::int64_t> blocks_of(const ResultSchema& schema, const WriterOptions& options) {
  if (!options.blocks) return all_blocks(schema);
  std::vector<std::int64_t> blocks = *options.blocks;
  std::sort(blocks.begin(), blocks.end());
  return blocks;
}

/// The blocks of a run that a rule ended, numbered as in its file: there each design point has
/// fewer than the plan allows.
class FinalBlocks : public BlockSource {
 public:
  FinalBlocks(BlockSource& parts, const ResultSchema& plan, const ResultSchema& file)
      : parts_(parts), of_plan_(plan.blocks_per_point()), of_file_(file.blocks_per_point()) {}

  std::int64_t number_of(std::int64_t block) const {
    return block / of_file_ * of_plan_ + block % of_file_;
  }
  const BlockResult& read(std::int64_t block) override { return parts_.read(number_of(block)); }

 private:
  BlockSource& parts_;
  std::int64_t of_plan_, of_file_;  ///< blocks of a design point
};

/// Adds to a failure of writing what the user can do.
template <class Call>
void save(Call call) {
  try {
    call();
  } catch (const IoError& failure) {
    throw IoError(fmt::format("{} what was saved stays: remove the cause and go on with --resume",
                              failure.what()));
  }
}

bool holds_parts(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".h5") return true;
  return false;
}

}  // namespace

ResultWriter::ResultWriter(ResultSchema schema, WriterOptions options)
    : schema_(std::move(schema)),
      options_(std::move(options)),
      blocks_(blocks_of(schema_, options_)) {
  const std::string name = options_.path.string();
  std::error_code ignored;
  check_output(options_.path);
  const auto is_there = [&] { return fs::exists(options_.path, ignored); };
  const auto refuse_existing = [&] {
    throw InputError(fmt::format(
        "{} exists (a run does not overwrite results) use --resume or another -o", name));
  };
  const bool exists = is_there();
  if (exists && !options_.resume) refuse_existing();
  if (!options_.resume && holds_parts(part_folder(options_.path)))
    throw InputError(fmt::format(
        "{}.part exists (it holds an interrupted run) use --resume or another -o", name));
  if (exists) complete_ = accept_complete_file();
  if (complete_ && !fs::exists(part_folder(options_.path), ignored)) return;
  parts_ = std::make_unique<PartFolder>(part_folder(options_.path), schema_,
                                        identity_of(schema_, options_.shard));
  if (!complete_ && is_there()) {  // made since, by the run that has just given the folder back
    if (!options_.resume) refuse_existing();
    complete_ = accept_complete_file();
  }
  if (complete_) {
    drop_parts();
    return;
  }
  for (std::int64_t block : parts_->blocks())
    if (!std::binary_search(blocks_.begin(), blocks_.end(), block))
      throw InputError(fmt::format(
          "{}.part holds block {} (it is not among the blocks to compute) choose another -o", name,
          block));
}

ResultWriter::~ResultWriter() = default;

bool ResultWriter::accept_complete_file() const {
  ResultFile file(options_.path);
  const Identity ours = identity_of(schema_, options_.shard);
  if (const std::string text = difference(file.identity(), ours); !text.empty())
    throw InputError(fmt::format("{} holds another run ({}) {}", options_.path.string(), text,
                                 way_on(file.identity(), ours)));
  // A stopping rule has its own say on how many there are.
  if (file.held_blocks() != (schema_.until.empty() ? blocks_ : all_blocks(file.schema())))
    throw InputError(
        fmt::format("{} holds other blocks (merged with some missing) choose another -o",
                    options_.path.string()));
  return true;
}

std::vector<std::int64_t> ResultWriter::finished_blocks() const {
  return complete_ ? blocks_ : parts_->blocks();
}

const BlockResult& ResultWriter::finished_block(std::int64_t block) {
  return parts_->read(block);
}

std::int64_t ResultWriter::saved_blocks() const {
  return complete_ ? blocks_to_hold() : parts_->count();
}

bool ResultWriter::batch_is_due() const {
  if (batch_size_ >= options_.batch_bytes) return true;
  const Clock::time_point now = Clock::now();
  const auto seconds = [&](Clock::time_point since) {
    return std::chrono::duration<double>(now - since).count();
  };
  return seconds(last_saved_) >=
         std::max(options_.batch_seconds, batch_share_of_run * seconds(started_));
}

void ResultWriter::write(const BlockResult& block) {
  batch_.push_back(block);
  for (const std::vector<double>& values : block.values)
    batch_size_ += values.size() * sizeof(double);
  if (batch_is_due()) flush();
}

void ResultWriter::flush() {
  if (batch_.empty()) return;
  save([&] { parts_->append(batch_); });
  batch_.clear();
  batch_size_ = 0;
  last_saved_ = Clock::now();
}

void ResultWriter::finish(const RuntimeInfo& runtime, const std::optional<Stop>& stop) {
  if (complete_) return;
  flush();
  ResultSchema schema = schema_;
  if (stop) {
    schema.trials = stop->trials;
    schema.until_met = stop->met;
    blocks_ = all_blocks(schema);
  }
  FinalBlocks source(*parts_, schema_, schema);
  if (!std::all_of(blocks_.begin(), blocks_.end(),
                   [&](std::int64_t block) { return parts_->holds(source.number_of(block)); }))
    throw std::logic_error("finish() before every block was written");
  const fs::path unnamed = unnamed_result(options_.path);
  try {
    save([&] {
      write_result_file(unnamed, schema, {options_.shard, blocks_, runtime, 0}, source);
      parts_->check();
      publish(unnamed, options_.path);
    });
  } catch (...) {
    std::error_code ignored;
    fs::remove(unnamed, ignored);
    throw;
  }
  complete_ = true;
  drop_parts();
}

void ResultWriter::drop_parts() {
  parts_->remove();
  parts_.reset();
}

}  // namespace lockstep
