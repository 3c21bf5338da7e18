#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <numeric>
#include <optional>

#include "engine/base/text/text.hpp"
#include "engine/run/processors.hpp"
#include "engine/storage/points_file.hpp"
#include "experiments/command.hpp"
#include "experiments/describe/notes.hpp"
#include "experiments/describe/phase_table.hpp"
#include "experiments/describe/run_estimate.hpp"
#include "experiments/describe/simulated_values.hpp"
#include "experiments/study_options.hpp"
#include "experiments/summary/derived_table.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

constexpr double measuring_seconds = 1;  // for the estimate of the run time

/// "line 5" of the study itself, else as it stands: "--set", "default".
std::string shown_place(const Study& study, const std::string& place) {
  return place.starts_with(study.path + ":") ? "line " + place.substr(study.path.size() + 1)
                                             : place;
}

std::string shown_origin(const Study& study, const ResolvedParameter& parameter) {
  const std::string place =
      shown_place(study, parameter.place.empty() ? parameter.origin : parameter.place);
  return parameter.origin == "axis" ? "axis, " + place : place;
}

/// One table; a blank line before each section. Values stand last, since some are long.
void print_parameters(const Study& study, const SimulatedValues& simulated) {
  std::vector<std::vector<std::string>> rows{{"parameter", "from", "value"}};
  for (const ResolvedParameter& parameter : study.parameters) {
    if (!parameter.text.empty()) {
      rows.push_back({parameter.key, shown_origin(study, parameter), parameter.text});
      continue;
    }
    const SimulatedValues::Shown shown = simulated.of(parameter);
    rows.push_back({parameter.key, shown.origin, shown.value});
  }
  std::string text = format_table(rows);
  std::string before;
  std::string_view lines = text;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::size_t end = lines.find('\n') + 1;
    const std::string section = row == 0 ? "" : rows[row][0].substr(0, rows[row][0].find('.'));
    fmt::print("{}{}", section == before ? "" : "\n", lines.substr(0, end));
    lines.remove_prefix(end);
    before = section;
  }
  fmt::print("\n");
}

/// Base values that count for nothing, since an axis sets them.
void print_replaced(const Study& study) {
  const auto line = [&](const std::string& place) { return shown_place(study, place); };
  for (const ResolvedParameter& parameter : study.parameters)
    if (!parameter.replaced_place.empty())
      fmt::print("{}: {} ({}) is replaced by the axis ({}).\n", parameter.key,
                 parameter.replaced_text, line(parameter.replaced_place), line(parameter.place));
}

void print_notes(const Plan& plan, const StudyNotes& notes) {
  print_replaced(plan.study);
  if (!plan.input_keys.empty())
    fmt::print(
        "Drawn once a trial, and kept as input.KEY: {}. What is derived above holds for their "
        "means.\n",
        fmt::join(plan.input_keys, ", "));
  for (const std::string& remark : notes.remarks(plan.study)) fmt::print("{}\n", remark);
  for (const std::string& warning : notes.warnings(plan.study))
    fmt::print("Warning: {}\n", warning);
}

void print_size(const Plan& plan) {
  const ResultSchema& schema = plan.schema;
  double chips = 0;
  for (const PointVariable& variable : schema.point_variables)
    if (variable.name == "chips_used")
      chips = std::accumulate(variable.numbers.begin(), variable.numbers.end(), 0.0);
  const std::int64_t steps = plan.study.warmup_steps + schema.steps;
  if (plan.study.until)
    fmt::print(
        "Trials are run until {} for every design point, at least {} and at most {} of each; what "
        "follows is for the most.\n",
        schema.until, plan.study.trials, schema.trials);
  fmt::print("{} x {} x {} in {}: {:.3g} chip-steps, result file about {}.\n",
             counted(schema.points(), "design point"), counted(schema.trials, "trial"),
             counted(steps, "step"), counted(schema.blocks(), "block"),
             chips * static_cast<double>(schema.trials * steps),
             format_bytes(result_bytes(schema)));
}

int run(const std::vector<std::string>& arguments) {
  po::options_description options = study_options();
  po::options_description describing("The description", help_width);
  describing.add_options()(
      "no-estimate", po::bool_switch(),
      "time no steps: no run time is estimated, and the output is reproducible")(
      "tasks", po::value<std::string>()->value_name("N")->default_value("1"),
      "estimate what each of so many tasks takes that share the blocks (run --shard I/N)")(
      "points", po::value<std::string>()->value_name("FILE.h5"),
      "write what is found of the design points, so that shards need not find it again (run "
      "--shard I/N --points FILE.h5)");
  options.add(describing);
  const auto map = parse_arguments(describe_command, arguments, options, "study", 1);
  if (map.empty()) return done;
  std::optional<std::filesystem::path> points;
  if (map.count("points")) check_points_path(points.emplace(map["points"].as<std::string>()));
  const Runner runner{default_threads(), read_whole(map, "tasks", 1, most_shards), !points};
  DerivedTable derived;
  PhaseTable phases;
  StudyNotes notes;
  SimulatedValues simulated;
  const auto start = std::chrono::steady_clock::now();
  Plan plan = load_plan(map, [&](std::size_t point, const Jobs& jobs) {
    simulated.look_at(jobs);
    derived.look_at(jobs);
    phases.look_at(jobs);
    notes.look_at(point, jobs);
  });
  const std::chrono::duration<double> planning = std::chrono::steady_clock::now() - start;
  if (points) {
    plan.schema.warnings = notes.warnings(plan.study);
    write_points_file(*points, {plan.schema, plan.trial_costs});
  }
  if (!plan.study.title.empty()) fmt::print("{}\n", plan.study.title);
  fmt::print("{}\n\n", plan.study.path);
  print_parameters(plan.study, simulated);
  const bool trains = notes.asks_for_training(plan.study);
  fmt::print("{}{}", derived.text(plan.schema.axes, trains),
             trains ? phases.text(plan.schema.axes) : "");
  print_notes(plan, notes);
  print_size(plan);
  if (!map["no-estimate"].as<bool>()) {
    const RunEstimate estimate = estimate_run(plan, runner, planning.count(), measuring_seconds);
    fmt::print("{}\n", estimate_text(plan, estimate, runner));
  }
  fmt::print("study_id {}\n", plan.study.study_id);
  return done;
}

}  // namespace

const Command describe_command{"describe", "STUDY.ini [options]",
                               "Shows what a study resolves to: parameters, design points, "
                               "warnings, run time. Runs nothing.",
                               run};

}  // namespace lockstep
