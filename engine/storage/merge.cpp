#include "engine/storage/merge.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/storage/files/durable_file.hpp"
#include "engine/storage/files/folder_lock.hpp"
#include "engine/storage/files/output_path.hpp"
#include "engine/storage/files/scratch_file.hpp"
#include "engine/storage/result_layout.hpp"
#include "engine/storage/result_reader.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// At most this many shards or blocks are named in a message.
constexpr std::size_t most_named = 5;

/// What the first pass learns of all shards together.
struct Survey {
  ResultSchema schema;
  Identity identity;   ///< of the first shard
  std::string layout;  ///< of the first shard
  std::int64_t shard_count = 0, lowest_index = 0;
  std::set<std::int64_t> indices;   ///< given
  std::vector<std::int32_t> owner;  ///< per block: position in the list of shards, -1 none
  RuntimeInfo runtime;
  std::set<std::string> hosts, levels;
};

void check_same_run(const Survey& survey, const ResultFile& file, const fs::path& first) {
  Identity theirs = file.identity(), ours = survey.identity;
  theirs.shard = ours.shard = "";
  std::string text = difference(theirs, ours);
  if (text.empty() && file.layout() != survey.layout)
    text = "its axes, variables or parameters differ";
  if (text.empty() && file.shard()->count != survey.shard_count)
    text = fmt::format("it is one of {} shards, here there are {}", file.shard()->count,
                       survey.shard_count);
  if (!text.empty())
    throw InputError(fmt::format("{} does not belong to {} ({}) give shards of one run",
                                 file.path().string(), first.string(), text));
}

/// /runtime of the merged file: the whole span of time, the longest shard, the CPU time of all.
void add_runtime(Survey& survey, const RuntimeInfo& one) {
  RuntimeInfo& all = survey.runtime;
  const bool first = survey.indices.empty();
  if (first || one.started_utc < all.started_utc) all.started_utc = one.started_utc;
  if (first || one.finished_utc > all.finished_utc) all.finished_utc = one.finished_utc;
  if (first) all.command_line = one.command_line;
  all.threads = std::max(all.threads, one.threads);
  all.elapsed_s = std::max(all.elapsed_s, one.elapsed_s);
  all.cpu_s += one.cpu_s;
  // Thousands of hosts would say no more than a few do.
  if (survey.hosts.size() < most_named) survey.hosts.insert(one.host);
  survey.levels.insert(one.simd_level);
}

void add_shard(Survey& survey, std::span<const fs::path> paths, std::size_t position) {
  const ResultFile file(paths[position]);
  if (!file.shard())
    throw InputError(
        fmt::format("{} is a results file (shards are merged) leave it out", file.path().string()));
  const bool first = survey.indices.empty();
  if (first) {
    survey.schema = file.schema();
    survey.identity = file.identity();
    survey.layout = file.layout();
    survey.shard_count = file.shard()->count;
    survey.lowest_index = file.shard()->index;
    survey.owner.assign(static_cast<std::size_t>(file.schema().blocks()), -1);
  } else {
    check_same_run(survey, file, paths[0]);
  }
  for (std::int64_t block : file.held_blocks()) {
    std::int32_t& owner = survey.owner[static_cast<std::size_t>(block)];
    if (owner >= 0)
      throw InputError(fmt::format("{} repeats {} (both hold block {}) give each shard once",
                                   file.path().string(),
                                   paths[static_cast<std::size_t>(owner)].string(), block));
    owner = static_cast<std::int32_t>(position);
  }
  add_runtime(survey, file.runtime());
  // The title and comments of a study may change between shards; the lowest index decides, so that
  // the order of the files on the command line does not.
  if (file.shard()->index < survey.lowest_index) {
    survey.lowest_index = file.shard()->index;
    survey.schema = file.schema();
  }
  survey.indices.insert(file.shard()->index);
}

[[noreturn]] void refuse_missing(const Survey& survey, const std::vector<std::int64_t>& missing) {
  std::vector<std::string> shards;
  // Shards are numbered from 0 or from 1; the numbers given tell which.
  const std::int64_t begin = survey.indices.contains(survey.shard_count) ? 1 : 0;
  for (std::int64_t i = begin; i < begin + survey.shard_count && shards.size() < most_named; ++i)
    if (!survey.indices.contains(i)) shards.push_back(fmt::format("{}/{}", i, survey.shard_count));
  const std::string which = shards.empty()
                                ? fmt::format("the first is block {}", missing.front())
                                : fmt::format("not given: shard {}", fmt::join(shards, ", "));
  throw InputError(
      fmt::format("{} of {} blocks are missing ({}) compute and give them, or use --allow-missing",
                  missing.size(), survey.schema.blocks(), which));
}

Survey survey_shards(std::span<const fs::path> paths) {
  if (paths.empty())
    throw InputError("no shard to merge (at least one is needed) name the shard files");
  Survey survey;
  for (std::size_t i = 0; i < paths.size(); ++i) add_shard(survey, paths, i);
  survey.runtime.host = fmt::format("{}", fmt::join(survey.hosts, " "));
  survey.runtime.simd_level = fmt::format("{}", fmt::join(survey.levels, " "));
  return survey;
}

void refuse_existing(const fs::path& output) {
  std::error_code ignored;
  if (fs::exists(output, ignored))
    throw InputError(fmt::format("{} exists (a merge does not overwrite results) choose another -o",
                                 output.string()));
}

void write_merged(const Survey& survey, std::span<const fs::path> shards,
                  const std::vector<std::int64_t>& held, const fs::path& output) {
  const FolderLock lock(part_folder(output));
  refuse_existing(output);  // made while this merge waited for its turn
  ScratchFile scratch(folder_of(output), survey.schema);
  BlockResult block;
  for (const fs::path& path : shards) {
    const ResultFile file(path);
    for (std::int64_t number : file.held_blocks()) {
      file.read_block(number, block);
      scratch.write(block);
    }
  }
  const fs::path unnamed = unnamed_result(output);
  try {
    write_result_file(unnamed, survey.schema,
                      {{}, held, survey.runtime, static_cast<std::int64_t>(shards.size())},
                      scratch);
    lock.check();
    publish(unnamed, output);
  } catch (...) {
    std::error_code ignored;
    fs::remove(unnamed, ignored);
    throw;
  }
}

}  // namespace

MergeReport merge_shards(std::span<const fs::path> shards, const fs::path& output,
                         bool allow_missing) {
  check_output(output);
  refuse_existing(output);
  const Survey survey = survey_shards(shards);
  std::vector<std::int64_t> held, missing;
  for (std::int64_t block = 0; block < survey.schema.blocks(); ++block)
    (survey.owner[static_cast<std::size_t>(block)] < 0 ? missing : held).push_back(block);
  if (!missing.empty() && !allow_missing) refuse_missing(survey, missing);

  const auto count = static_cast<std::int64_t>(shards.size());
  try {
    write_merged(survey, shards, held, output);
  } catch (const IoError& failure) {
    throw IoError(fmt::format("{} remove the cause and merge again", failure.what()));
  }
  return {count, survey.schema.blocks(), static_cast<std::int64_t>(missing.size())};
}

}  // namespace lockstep
