#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/base/simd.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"
#include "engine/run/processors.hpp"
#include "engine/run/scheduler.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/quantile.hpp"
#include "experiments/command.hpp"
#include "experiments/describe/idle_settings.hpp"
#include "experiments/study_options.hpp"
#include "experiments/table.hpp"
#include "topologies/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

constexpr std::int64_t most_ranks = 16777216, most_sizes = 64;

/// "1MiB..1GiB" and the factor between: every size [B].
std::vector<double> read_sizes(const std::string& text, std::int64_t factor) {
  const auto dots = text.find("..");
  std::array<double, 2> ends{};
  try {
    ends[0] = parse_quantity(text.substr(0, dots), Dimension::bytes);
    ends[1] = dots == std::string::npos ? ends[0]
                                        : parse_quantity(text.substr(dots + 2), Dimension::bytes);
  } catch (const InputError& error) {
    throw InputError(fmt::format("--bytes {}: {}", text, error.what()));
  }
  if (!(ends[0] > 0) || ends[1] < ends[0])
    throw InputError(
        fmt::format("--bytes {} (sizes above 0, the smaller first, are due) write for example "
                    "--bytes 1KiB..1GiB",
                    text));
  std::vector<double> sizes;
  for (double size = ends[0]; size <= ends[1]; size *= static_cast<double>(factor)) {
    if (static_cast<std::int64_t>(sizes.size()) == most_sizes)
      throw InputError(fmt::format("--bytes {} (more than {} sizes) narrow it or raise --factor",
                                   text, most_sizes));
    sizes.push_back(size);
  }
  return sizes;
}

std::string required(const po::variables_map& map, const char* name, const char* example) {
  if (!map.count(name))
    throw InputError(
        fmt::format("no --{} given (usage: lockstep collective {}) write for example "
                    "--{} {}",
                    name, collective_command.usage, name, example));
  return map[name].as<std::string>();
}

/// A size as a reader would write it: "1 MiB" where it is a whole one.
std::string size_label(double bytes) {
  constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  double value = bytes;
  for (; unit + 1 < units.size() && value >= 1024 && std::fmod(value, 1024) == 0; ++unit)
    value /= 1024;
  return value < 1e6 && value == std::floor(value) ? fmt::format("{:.0f} {}", value, units[unit])
                                                   : format_quantity(bytes, Dimension::bytes);
}

/// The only phase of a step, one for each operation.
template <std::size_t... Is>
constexpr auto make_phases(std::index_sequence<Is...>) {
  return std::array{Phase{.name = operation_rows[Is].name,
                          .operation = operation_rows[Is].operation,
                          .group = ParallelGroup::data,
                          .bytes = [](const Job& job) { return job.gradient_bytes_per_chip(); },
                          .source = "the command line"}...};
}
constexpr auto operation_phases = make_phases(std::make_index_sequence<operation_rows.size()>());

const OperationRow& read_operation(const po::variables_map& map) {
  std::vector<std::string_view> names;
  for (const OperationRow& row : operation_rows) names.push_back(row.name);
  const std::string given = map["operation"].as<std::vector<std::string>>().front();
  for (const OperationRow& row : operation_rows)
    if (row.name == given) return row;
  const std::string meant = nearest_name(given, names);
  throw InputError(fmt::format("operation {} (there is none of that name) {}", given,
                               meant.empty() ? fmt::format("one of {}", fmt::join(names, ", "))
                                             : "did you mean " + meant + "?"));
}

/// The collective as a study: a training step that computes nothing, at one design point a size.
/// With it come every noise of the trial, paired draws, threads and uncertain inputs.
Plan make_collective_plan(const po::variables_map& map, const OperationRow& operation,
                          const std::vector<double>& sizes, bool& noisy) {
  const std::string kind = required(map, "topology", "ring");
  required(map, "ranks", "1024");
  const std::int64_t ranks = read_whole(map, "ranks", 1, most_ranks);
  const std::int64_t stride = read_whole(map, "stride", 1, most_ranks / ranks);
  std::vector<std::string> labels;
  // The study's key is of all that a model-parallel group holds: a buffer on each of its chips.
  for (double size : sizes)
    labels.push_back(format_canonical(size * static_cast<double>(stride), Dimension::bytes));
  StudyText study;
  study.path = "collective";
  study.directory = ".";
  study.entries = {
      {"fleet.chips", fmt::format("{}:{}", map["chip"].as<std::string>(), ranks * stride),
       "--chip, --ranks, --stride"},
      {"job.tensor", fmt::format("{}", stride), "--stride"},
      {"topology.kind", kind, "--topology"},
      {"sweep.job.gradient_bytes", fmt::format("{}", fmt::join(labels, ", ")), "--bytes"}};
  for (const auto& [key, value] : {std::pair{"job.pipeline", "1"},
                                   {"job.compute_time", "0s"},
                                   {"job.overlap", "0"},
                                   {"job.gradient_clipping", "off"},
                                   {"job.buckets", "1"},
                                   {"job.optimizer_bytes", "0"},
                                   {"sampling.steps", "1"}})
    study.entries.push_back({key, value, "collective"});

  const std::vector<StudyEntry> overrides = read_overrides(map);
  noisy = map.count("trials") > 0;
  for (const StudyEntry& entry : overrides) {
    if (entry.origin != "--set") continue;
    const std::string section = entry.key.substr(0, entry.key.find('.'));
    if (entry.key == "fleet.chips" || entry.key == "topology.kind")
      throw InputError(
          fmt::format("--set {} (the command has options for it) use --topology, "
                      "--ranks and --chip",
                      entry.key));
    if (section == "job" || section == "sampling" || section == "sweep")
      throw InputError(
          fmt::format("--set {} (one collective alone has no [{}]) set a key of "
                      "topology, fabric, noise or chip.NAME",
                      entry.key, section));
    noisy |= section == "noise";
  }
  Plan plan =
      make_plan(resolve_study(study, overrides, all_parameters()), all_parameters(),
                topology_kinds(), capabilities(), {},
                std::span(&operation_phases[static_cast<std::size_t>(operation.operation)], 1));
  noisy |= !plan.input_keys.empty();
  return plan;
}

/// Times of all trials of every size [s].
class TimesSink final : public ResultSink {
 public:
  explicit TimesSink(const ResultSchema& schema)
      : times(static_cast<std::size_t>(schema.points())) {
    while (schema.variables[variable_].name != "step_time") ++variable_;
  }
  void write(const BlockResult& block) override {
    auto& all = times[static_cast<std::size_t>(block.point)];
    const std::vector<double>& values = block.values[variable_];
    all.insert(all.end(), values.begin(), values.end());
  }
  std::vector<std::vector<double>> times;

 private:
  std::size_t variable_ = 0;
};

/// One line of the answer. Bandwidths as collective benchmarks define them: bytes / time, and that
/// times the operation's bus factor.
struct Line {
  double bytes = 0, time = 0, bus_factor = 0;
  std::string choice;
  double mean = 0;                  ///< with noise [s]
  std::vector<Estimate> quantiles;  ///< of noisy_shares, with noise [s]; empty without

  double algorithm_bandwidth() const {
    return time > 0 ? bytes / time : std::numeric_limits<double>::quiet_NaN();
  }
  double bus_bandwidth() const { return algorithm_bandwidth() * bus_factor; }
};

constexpr std::array<std::string_view, 2> quantile_names{"p50", "p99"};
constexpr std::array<double, 2> noisy_shares{0.5, 0.99};

void print_lines(const std::vector<Line>& lines) {
  std::vector<std::vector<std::string>> rows{{"size", "time us", "algorithm GB/s", "bus GB/s"}};
  if (!lines.front().quantiles.empty()) {
    rows[0].emplace_back("mean us");
    for (std::string_view name : quantile_names) rows[0].push_back(fmt::format("{} us", name));
  }
  rows[0].push_back("choice");
  for (const Line& line : lines) {
    rows.push_back({size_label(line.bytes), format_value(1e6 * line.time),
                    format_value(1e-9 * line.algorithm_bandwidth()),
                    format_value(1e-9 * line.bus_bandwidth())});
    if (!line.quantiles.empty()) rows.back().push_back(format_value(1e6 * line.mean));
    for (const auto& [value, lower, upper] : line.quantiles)
      rows.back().push_back(format_bounded({1e6 * value, 1e6 * lower, 1e6 * upper}));
    rows.back().push_back(line.choice);
  }
  fmt::print("{}", format_table(rows));
}

std::string json_number(double value) {
  return std::isfinite(value) ? format_number(value) : "null";
}

/// Text inside JSON quotes; names and choices hold no control characters.
std::string json_text(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return quoted + '"';
}

void print_json(const Plan& plan, const po::variables_map& map, const OperationRow& operation,
                const std::vector<Line>& lines, std::int64_t ranks, bool extrapolated) {
  fmt::print(
      "{{\n  \"operation\": \"{}\",\n  \"topology\": {},\n  \"chip\": {},\n  \"ranks\": {},\n  "
      "\"stride\": {},\n",
      operation.name, json_text(map["topology"].as<std::string>()),
      json_text(map["chip"].as<std::string>()), ranks, read_whole(map, "stride", 1, most_ranks));
  fmt::print("  \"seed\": {},\n  \"trials\": {},\n  \"extrapolated\": {},\n  \"sizes\": [\n",
             plan.study.seed, lines.front().quantiles.empty() ? 0 : plan.study.trials,
             extrapolated);
  for (const Line& line : lines) {
    fmt::print(
        "    {{\"bytes\": {}, \"time_s\": {}, \"algorithm_bandwidth\": {}, "
        "\"bus_bandwidth\": {}, ",
        json_number(line.bytes), json_number(line.time), json_number(line.algorithm_bandwidth()),
        json_number(line.bus_bandwidth()));
    if (!line.quantiles.empty()) fmt::print("\"mean_s\": {}, ", json_number(line.mean));
    for (std::size_t i = 0; i < line.quantiles.size(); ++i) {
      const auto& [value, lower, upper] = line.quantiles[i];
      fmt::print("\"{}_s\": {}, \"{}_interval_s\": [{}, {}], ", quantile_names[i],
                 json_number(value), quantile_names[i], json_number(lower), json_number(upper));
    }
    fmt::print("\"choice\": {}}}{}\n", json_text(line.choice), &line == &lines.back() ? "" : ",");
  }
  fmt::print("  ]\n}}\n");
}

/// Where a kind runs the operation itself: what stands in has parameters of its own.
void warn_of_idle_settings(const Plan& plan, const po::variables_map& map,
                           const OperationRow& operation) {
  const TopologyKind& kind =
      **std::ranges::find(topology_kinds(), map["topology"].as<std::string>(), &TopologyKind::name);
  if (&runner_of(kind, operation.operation) != &kind) return;
  for (const std::string& idle : idle_settings(plan.study, {map["chip"].as<std::string>()}))
    fmt::print(stderr, "Warning: {}\n", idle);
}

int run(const std::vector<std::string>& arguments) {
  po::options_description options("The collective", help_width);
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  options.add_options()("topology", text("KIND"), "one of lockstep list topologies")(
      "ranks", text("N"), "chips of one group, each a rank")(
      "stride", text("S")->default_value("1"),
      "chips from one rank to the next; so many groups lie side by side and run at once")(
      "bytes", text("A..B")->default_value("1KiB..1GiB"), "buffer: one size, or a range")(
      "factor", text("F")->default_value("2"), "between the sizes of the range")(
      "chip", text("NAME")->default_value("H100"), "generation of the chips")(
      "set", po::value<std::vector<std::string>>()->composing()->value_name("K=V"),
      "set a key of topology, fabric, noise or chip.NAME; may be repeated")(
      "trials", text("T"), "trials with noise (default: 100 where some noise is set, else none)")(
      "seed", text("S"), "64-bit seed")("json", po::bool_switch(),
                                        "print JSON: bytes, seconds, B/s");
  const po::variables_map map =
      parse_arguments(collective_command, arguments, options, "operation", 1);
  if (map.empty()) return done;
  const OperationRow& operation = read_operation(map);
  simd_level();  // an unusable LOCKSTEP_SIMD is refused before any work
  const std::int64_t factor = read_whole(map, "factor", 2, 1024);
  bool noisy = false;
  const Plan plan = make_collective_plan(map, operation,
                                         read_sizes(map["bytes"].as<std::string>(), factor), noisy);

  warn_of_idle_settings(plan, map, operation);
  TimesSink sink(plan.schema);
  if (noisy) {
    const Cancellation cancellation;
    run_blocks(plan, plan.blocks_of({}), default_threads(), sink, cancellation,
               [](const BlockResult&) {});
    if (cancellation.asked())
      throw Interrupted(fmt::format("stopped by {} (nothing is kept) start again with fewer trials",
                                    cancellation.signal_name()));
  }
  std::vector<Line> lines;
  std::int64_t ranks = 0;
  bool extrapolated = false;
  for (std::size_t p = 0; p < plan.study.points.size(); ++p) {
    const auto point = plan.build(static_cast<std::int64_t>(p));
    const DesignPoint& job = *point->all().front();
    ranks = job.layout().replicas;
    extrapolated |= job.extrapolated();
    Line& line = lines.emplace_back();
    line.bus_factor = operation.bus_factor(static_cast<double>(ranks));
    line.bytes = job.scenario().job.gradient_bytes_per_chip();
    line.time = job.noise_free_communication_time();
    line.choice = job.choice();
    if (!noisy) continue;
    line.mean = mean(sink.times[p]);
    const PooledSteps pooled(sink.times[p], plan.study.steps);
    for (double share : noisy_shares) line.quantiles.push_back(pooled.quantile(share));
  }
  if (map["json"].as<bool>()) {
    print_json(plan, map, operation, lines, ranks, extrapolated);
    return done;
  }
  const std::int64_t groups = read_whole(map, "stride", 1, most_ranks);
  fmt::print("{} by {} of {}{} {} chips{}, all ready at once\n\n", operation.name,
             map["topology"].as<std::string>(),
             groups == 1 ? "" : fmt::format("{} interleaved groups of ", groups), ranks,
             map["chip"].as<std::string>(),
             extrapolated ? " (more than any published machine of the kind)" : "");
  print_lines(lines);
  fmt::print("\n");
  if (const std::int64_t given = read_whole(map, "ranks", 1, most_ranks); given > ranks)
    fmt::print("{} of {} chips fit no shape and stay out.\n", given - ranks, given);
  fmt::print(
      "The size is {}. Time and bandwidths are without noise; algorithm = size / time, bus = "
      "that x {}.\n",
      operation.buffer, operation.bus_text);
  if (noisy) {
    const bool bounded = std::all_of(lines.begin(), lines.end(), [](const Line& line) {
      return std::all_of(line.quantiles.begin(), line.quantiles.end(), is_bounded);
    });
    fmt::print("mean, p50, p99: over {} with noise, seed {}{}.\n",
               counted(plan.study.trials, "trial"), plan.study.seed,
               bounded ? "" : "; > or - where these are too few to bound them: more --trials do");
  }
  return done;
}

}  // namespace

const Command collective_command{"collective", "OPERATION --topology KIND --ranks N [options]",
                                 "Times one collective alone over sizes: all_reduce, "
                                 "reduce_scatter, all_gather, all_to_all, send.",
                                 run};

}  // namespace lockstep
