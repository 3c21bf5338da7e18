#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <ctime>
#include <filesystem>

#include "engine/base/error.hpp"
#include "engine/base/notice.hpp"
#include "engine/base/simd.hpp"
#include "engine/run/cancellation.hpp"
#include "engine/run/processors.hpp"
#include "engine/storage/files/output_path.hpp"
#include "engine/storage/result_reader.hpp"
#include "engine/storage/result_writer.hpp"
#include "experiments/command.hpp"
#include "experiments/describe/notes.hpp"
#include "experiments/run_sampling.hpp"
#include "experiments/standard_streams.hpp"
#include "experiments/study_options.hpp"
#include "experiments/summary/summary_table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::string host_name() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

int read_threads(const po::variables_map& map) {
  if (!map.count("threads")) return default_threads();
  const std::string text = map["threads"].as<std::string>();
  int threads = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), threads);
  if (error != std::errc{} || end != text.data() + text.size() || threads < 1 ||
      threads > most_threads)
    throw InputError(
        fmt::format("--threads {} (a whole number from 1 to {} is due) leave it out to use all "
                    "processors",
                    text, most_threads));
  return threads;
}

/// `argument` as a shell takes it for one word.
std::string shell_word(const std::string& argument) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+%@";
  if (!argument.empty() && argument.find_first_not_of(plain) == std::string::npos) return argument;
  std::string word = "'";
  for (char c : argument) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::string line = "lockstep run";
  for (const std::string& argument : arguments) line += " " + shell_word(argument);
  return line;
}

/// What the command line says of the file, once such a file can be written.
WriterOptions output_options(const po::variables_map& map) {
  WriterOptions options;
  const std::filesystem::path study = map["study"].as<std::vector<std::string>>().front();
  options.path = study.stem().string() + ".h5";
  if (map.count("shard")) {
    const Shard shard = parse_shard(map["shard"].as<std::string>());
    options.shard = shard;
    options.path = fmt::format("{}.{}-of-{}.h5", study.stem().string(), shard.index, shard.count);
  }
  if (map.count("output")) options.path = map["output"].as<std::string>();
  check_output(options.path);
  options.resume = map["resume"].as<bool>();
  return options;
}

int run(const std::vector<std::string>& arguments) {
  po::options_description options = study_options();
  po::options_description running("The run", help_width);
  running.add_options()("output,o", po::value<std::string>()->value_name("FILE"),
                        "result file (default: STUDY.h5 in this folder)")(
      "threads", po::value<std::string>()->value_name("T"),
      fmt::format("threads (default: what Slurm gives, or the processors at hand: {})",
                  default_threads())
          .c_str())(
      "shard", po::value<std::string>()->value_name("I/N"),
      "run part I (from 0) of N and write it to a file of its own (default: STUDY.I-of-N.h5)")(
      "resume", po::bool_switch(), "go on with an interrupted run of the same study")(
      "points", po::value<std::string>()->value_name("FILE"),
      "what lockstep describe --points FILE found of the design points: only those of the blocks "
      "to run are built")("quiet,q", po::bool_switch(), "no warnings, progress or summary");
  options.add(running);
  const po::variables_map map = parse_arguments(run_command, arguments, options, "study", 1);
  if (map.empty()) return done;
  const int threads = read_threads(map);
  const bool quiet = map["quiet"].as<bool>();
  WriterOptions to_file = output_options(map);

  const Cancellation cancellation;
  const auto planned = [&] {
    if (map.count("points"))
      return load_plan(map, std::filesystem::path(map["points"].as<std::string>()));
    StudyNotes notes;
    Plan made = load_plan(map, [&](std::size_t point, const Jobs& jobs) {
      if (cancellation.asked())
        throw Interrupted(
            fmt::format("stopped by {} (while planning, nothing new is computed) start "
                        "again with {}",
                        cancellation.signal_name(), command_line(arguments)));
      notes.look_at(point, jobs);
    });
    made.schema.warnings = notes.warnings(made.study);
    return made;
  };
  const Plan plan = planned();
  if (to_file.shard) {
    const Shard& shard = *to_file.shard;
    if (plan.study.until)
      throw InputError(fmt::format(
          "--shard {}/{} (sampling.until judges the trials of all shards together) run the whole "
          "study, or set sampling.until=none and as many sampling.trials as it needs",
          shard.index, shard.count));
    to_file.blocks = plan.blocks_of(shard);
  }
  RuntimeInfo runtime;
  runtime.started_utc = utc_now();
  runtime.host = host_name();
  runtime.threads = threads;
  runtime.simd_level = simd_level_name(simd_level());
  runtime.command_line = command_line(arguments);
  const auto started = Clock::now();

  ResultWriter writer(plan.schema, to_file);
  if (!writer.already_complete()) {
    if (!quiet)
      for (const std::string& warning : plan.schema.warnings) notice("Warning: {}\n", warning);
    const Sampling sampling = run_sampling(plan, to_file.blocks.value_or(plan.blocks_of({})),
                                           writer, threads, cancellation, quiet);
    if (!sampling.complete) {
      const std::string of_all =
          plan.study.until ? "" : fmt::format(" of {}", writer.blocks_to_hold());
      throw Interrupted(fmt::format("stopped by {} ({}{} blocks are saved) continue with {}{}",
                                    cancellation.signal_name(), writer.saved_blocks(), of_all,
                                    command_line(arguments), to_file.resume ? "" : " --resume"));
    }
    runtime.finished_utc = utc_now();
    runtime.elapsed_s = std::chrono::duration<double>(Clock::now() - started).count();
    runtime.cpu_s = cpu_seconds();
    writer.finish(runtime, sampling.stop);
  }
  if (quiet) return done;
  const std::string file = to_file.path.string();
  if (to_file.shard) {
    announce(fmt::format(
        "Shard {} of {} is in {}: {} of {} blocks. lockstep merge makes one file of all.\n",
        to_file.shard->index, to_file.shard->count, file, to_file.blocks->size(),
        plan.schema.blocks()));
  } else {
    announce(fmt::format("{}Every trial is in {}.\n", summary_table(ResultFile(file)), file));
  }
  return done;
}

}  // namespace

const Command run_command{"run", "STUDY.ini [-o FILE.h5] [options]",
                          "Runs a study in parallel and writes every trial to an HDF5 file.", run};

}  // namespace lockstep
