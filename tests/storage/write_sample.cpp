// Writes, merges and checks synthetic result files through engine/storage, so that tests can kill,
// starve and compare it without running a simulation:
//   write_sample run OUT [--resume] [--shard I/N] [--stop-after BLOCKS] [--batch-blocks B]
//     [--until TRIALS] [--hold] [shape]   --until: a stopping rule ended the run there; --hold:
//     goes on from the first block when its standard input ends
//   write_sample merge OUT [--allow-missing] SHARD...
//   write_sample check FILE [shape]     every value against its known one, NaN where not held
// shape: --no-axes --trials N --steps N --points N --seed S --study-id ID
// Exit codes as the program's: 0, 2 bad input, 75 stopped, 1 anything else.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/storage/merge.hpp"
#include "engine/storage/result_reader.hpp"
#include "engine/storage/result_writer.hpp"
#include "tests/storage/sample.hpp"

namespace {

using namespace lockstep;

struct Options {
  std::string command, path;
  std::vector<std::filesystem::path> inputs;
  bool resume = false, allow_missing = false, batch_per_size = false, hold = false;
  std::optional<Shard> shard;
  std::int64_t stop_after = -1, batch_blocks = 2;
  std::optional<std::int64_t> until;
  sample::Shape shape;
};

Options parse(int argc, char** argv) {
  if (argc < 3) throw InputError("write_sample run|merge|check FILE ...");
  Options options;
  options.command = argv[1];
  options.path = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    const auto next = [&] {
      if (++i >= argc) throw InputError(word + " needs a value");
      return std::string(argv[i]);
    };
    if (word == "--resume")
      options.resume = true;
    else if (word == "--allow-missing")
      options.allow_missing = true;
    else if (word == "--hold")
      options.hold = true;
    else if (word == "--size-batches")
      options.batch_per_size = true;
    else if (word == "--no-axes")
      options.shape.axes = false;
    else if (word == "--trials")
      options.shape.trials = std::stoll(next());
    else if (word == "--steps")
      options.shape.steps = std::stoll(next());
    else if (word == "--points")
      options.shape.many_points = std::stoll(next());
    else if (word == "--seed")
      options.shape.seed = std::stoull(next());
    else if (word == "--study-id")
      options.shape.study_id = next();
    else if (word == "--until")
      options.until = std::stoll(next());
    else if (word == "--stop-after")
      options.stop_after = std::stoll(next());
    else if (word == "--batch-blocks")
      options.batch_blocks = std::stoll(next());
    else if (word == "--shard") {
      const std::string text = next();
      options.shard = Shard{std::stoll(text), std::stoll(text.substr(text.find('/') + 1))};
    } else
      options.inputs.emplace_back(word);
  }
  return options;
}

/// Each line on standard output is a promise: these blocks are safe.
void report(const ResultWriter& writer) {
  std::printf("saved %lld\n", static_cast<long long>(writer.saved_blocks()));
  std::fflush(stdout);
}

int run(const Options& options) {
  ResultSchema schema = sample::make_schema(options.shape);
  if (options.until) schema.until = "mean(goodput) within 1%";
  WriterOptions writing;
  writing.path = options.path;
  writing.resume = options.resume;
  writing.shard = options.shard;
  if (options.shard) writing.blocks = sample::blocks_of_shard(schema, *options.shard);
  if (!options.batch_per_size) {
    writing.batch_bytes =
        static_cast<std::size_t>(options.batch_blocks * values_per_block(schema) * 8);
    writing.batch_seconds = 1e9;
  }
  ResultWriter writer(schema, writing);
  report(writer);
  while (options.hold && std::getchar() != EOF) {
  }
  if (writer.already_complete()) return 0;
  const std::vector<std::int64_t> done = writer.finished_blocks();
  std::vector<std::int64_t> all = writing.blocks.value_or(std::vector<std::int64_t>());
  if (!writing.blocks)
    for (std::int64_t b = 0; b < schema.blocks(); ++b) all.push_back(b);
  std::int64_t computed = 0;
  for (std::int64_t b : all) {
    if (std::binary_search(done.begin(), done.end(), b)) continue;
    if (computed++ == options.stop_after) {
      writer.flush();
      report(writer);
      return 75;
    }
    writer.write(sample::make_block(schema, b));
    report(writer);
  }
  std::optional<Stop> stop;
  if (options.until) stop = Stop{*options.until, true};
  writer.finish(sample::make_runtime(), stop);
  report(writer);
  return 0;
}

int merge(const Options& options) {
  const MergeReport report = merge_shards(options.inputs, options.path, options.allow_missing);
  std::printf("merged %lld shards, %lld of %lld blocks missing\n",
              static_cast<long long>(report.shards), static_cast<long long>(report.blocks_missing),
              static_cast<long long>(report.blocks));
  return 0;
}

int check(const Options& options) {
  const ResultFile file(options.path);
  const ResultSchema& schema = file.schema();
  if (layout_digest(schema) != layout_digest(sample::make_schema(options.shape)))
    throw std::runtime_error("the schema that was read is not the one that was written");
  const std::vector<std::int64_t>& held = file.held_blocks();
  std::int64_t values = 0;
  for (std::size_t v = 0; v < schema.variables.size(); ++v) {
    const std::int64_t per_trial = schema.values_per_trial(schema.variables[v]);
    for (std::int64_t point = 0; point < schema.points(); ++point) {
      const std::vector<double> read = file.read(v, point);
      for (std::int64_t i = 0; i < schema.trials * per_trial; ++i) {
        const std::int64_t trial = i / per_trial;
        const std::int64_t block = point * schema.blocks_per_point() + trial / schema.block_trials;
        const double expected = std::binary_search(held.begin(), held.end(), block)
                                    ? sample::value(v, point, trial, i % per_trial)
                                    : std::numeric_limits<double>::quiet_NaN();
        const double got = read[static_cast<std::size_t>(i)];
        if (!(got == expected || (std::isnan(got) && std::isnan(expected))))
          throw std::runtime_error("a value differs");
        ++values;
      }
    }
  }
  std::printf("%lld values right, %lld blocks held\n", static_cast<long long>(values),
              static_cast<long long>(held.size()));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse(argc, argv);
    if (options.command == "run") return run(options);
    if (options.command == "merge") return merge(options);
    if (options.command == "check") return check(options);
    throw InputError("unknown command " + options.command);
  } catch (const InputError& error) {
    for (const std::string& message : error.messages())
      std::fprintf(stderr, "%s\n", message.c_str());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
