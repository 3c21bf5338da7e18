#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/command.hpp"
#include "experiments/study_options.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

/// "line 5" of the study itself, else as it stands: "--set", "default".
std::string shown_origin(const Study& study, const ResolvedParameter& parameter) {
  std::string place = parameter.place.empty() ? parameter.origin : parameter.place;
  if (place.starts_with(study.path + ":")) place = "line " + place.substr(study.path.size() + 1);
  return parameter.origin == "axis" ? "axis, " + place : place;
}

/// One table; a blank line before each section. Values stand last, since some are long.
void print_parameters(const Study& study) {
  std::vector<std::vector<std::string>> rows{{"parameter", "from", "value"}};
  for (const ResolvedParameter& parameter : study.parameters)
    rows.push_back({parameter.key, shown_origin(study, parameter),
                    parameter.text.empty() ? "(none)" : parameter.text});
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

/// What is known of a design point before any trial.
double fact(const ResultSchema& schema, std::string_view name, std::size_t point) {
  for (const PointVariable& variable : schema.point_variables)
    if (variable.name == name) return variable.numbers[point];
  return std::nan("");
}

void print_points(const Plan& plan) {
  const ResultSchema& schema = plan.schema;
  std::vector<std::vector<std::string>> rows(1);
  for (const Axis& axis : schema.axes) rows[0].push_back(axis.key);
  for (const char* name : {"replicas", "chips idle", "all-reduce s", "choice"})
    rows[0].push_back(name);
  for (std::size_t p = 0; p < plan.study.points.size(); ++p) {
    rows.push_back(labels_of(schema.axes, static_cast<std::int64_t>(p)));
    for (const char* name : {"replicas", "chips_idle"})
      rows.back().push_back(fmt::format("{:.0f}", fact(schema, name, p)));
    rows.back().push_back(format_value(fact(schema, "noise_free_communication_time", p)));
    rows.back().push_back(
        schema.point_variables.back().texts[p] +
        (fact(schema, "extrapolated", p) > 0 ? " (larger than any published)" : ""));
  }
  fmt::print("{}\n", format_table(rows));
}

/// What a measured fleet holds, generation by generation.
void note_inventory(const Fleet& fleet, std::vector<std::string>& notes) {
  for (std::size_t g = 0; g < fleet.generations.size(); ++g) {
    std::int64_t nodes = 0;
    double slowest = HUGE_VAL, fastest = 0;
    for (const FleetNode& node : fleet.nodes) {
      if (node.generation != g) continue;
      ++nodes;
      slowest = std::min(slowest, node.speed);
      fastest = std::max(fastest, node.speed);
    }
    if (nodes > 0)
      notes.push_back(fmt::format(
          "The inventory holds {} chips of {} on {} lines, relative speeds {:.4g} to {:.4g}.",
          fleet.generations[g].chips, fleet.generations[g].chip.name, nodes, slowest, fastest));
  }
}

/// What a reader should know of a design point before running.
std::vector<std::string> notes_on(const DesignPoint& point) {
  std::vector<std::string> notes;
  const Scenario& scenario = point.scenario();
  note_inventory(scenario.fleet, notes);
  if (scenario.steps % scenario.job.sync_every != 0)
    notes.push_back(
        fmt::format("Warning: {} recorded steps are no multiple of job.sync_every {}, so that they "
                    "hold more or "
                    "less than their share of synchronizations; change sampling.steps.",
                    scenario.steps, scenario.job.sync_every));
  const double spread = scenario.fleet.chip_spread;
  if (spread > 0) {
    // The largest of n standard normals is about sqrt(2 ln n): Gumbel (1958), section 4.2.
    const auto chips = static_cast<double>(point.layout().chips());
    const double z = std::sqrt(2 * std::log(std::max(2.0, chips)));
    notes.push_back(fmt::format(
        "The slowest of {:.0f} chips is expected about {:.1f} % below the mean (fleet.chip_spread "
        "{}).",
        chips, 100 * (1 - std::exp(-spread * z)), spread));
  }
  const double need = scenario.job.memory_per_chip(point.layout().replicas);
  for (const auto& generation : scenario.fleet.generations)
    if (need > generation.chip.hbm)
      notes.push_back(fmt::format(
          "Warning: {:.4g} GB of weights, gradients and optimizer state a chip do not fit {}'s "
          "{:.4g} GB; raise job.tensor or job.pipeline.",
          need / 1e9, generation.chip.name, generation.chip.hbm / 1e9));
  const Noise& noise = scenario.noise;
  if (noise.only_independent())
    notes.push_back(
        "Warning: only independent noise is on; it averages out over many chips, so that "
        "distributions come out narrow. Consider noise.straggler_fraction, "
        "noise.slow_link_fraction and noise.tenancy.");
  return notes;
}

/// Each note once, with the first design point it holds for where it does not hold for all.
void print_notes(const Plan& plan) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>> notes;
  const auto keep = [&](std::string text, std::size_t point) {
    auto known = std::find_if(notes.begin(), notes.end(),
                              [&](const auto& note) { return note.first == text; });
    if (known == notes.end()) known = notes.insert(known, {std::move(text), {}});
    if (known->second.empty() || known->second.back() != point) known->second.push_back(point);
  };
  for (std::size_t p = 0; p < plan.study.points.size(); ++p) {
    const auto point = plan.build(static_cast<std::int64_t>(p));
    for (const auto& job : point->all())
      for (std::string& text : notes_on(*job)) keep(std::move(text), p);
    if (point->all().size() > 1)
      keep(
          "Isolated jobs are models trained side by side, one a generation: their FLOP rates add "
          "up, but no one model is trained faster.",
          p);
  }
  for (const auto& [text, points] : notes) {
    const std::size_t more = points.size() - 1;
    if (points.size() == plan.study.points.size())
      fmt::print("{}\n", text);
    else
      fmt::print("{} ({}{})\n", text, plan.study.point_names[points.front()],
                 more == 0 ? "" : fmt::format(" and {} more", more));
  }
}

void print_size(const Plan& plan) {
  const ResultSchema& schema = plan.schema;
  double values = 0, chips = 0;
  for (const Variable& variable : schema.variables)
    values += static_cast<double>(schema.values_per_trial(variable));
  for (std::size_t p = 0; p < plan.study.points.size(); ++p) chips += fact(schema, "chips_used", p);
  const std::int64_t steps = plan.study.warmup_steps + schema.steps;
  fmt::print(
      "{} design points x {} trials x {} steps in {} blocks: {:.3g} chip-steps, result file about "
      "{:.1f} MB.\n",
      schema.points(), schema.trials, steps, schema.blocks(),
      chips * static_cast<double>(schema.trials * steps),
      8e-6 * values * static_cast<double>(schema.trials * schema.points()));
}

int run(const std::vector<std::string>& arguments) {
  const po::options_description options = study_options();
  const auto map = parse_arguments(describe_command, arguments, options, "study", 1);
  if (map.empty()) return done;
  const Plan plan = load_plan(map);
  if (!plan.study.title.empty()) fmt::print("{}\n", plan.study.title);
  fmt::print("{}\n\n", plan.study.path);
  print_parameters(plan.study);
  print_points(plan);
  print_notes(plan);
  print_size(plan);
  fmt::print("study_id {}\n", plan.study.study_id);
  return done;
}

}  // namespace

const Command describe_command{"describe", "STUDY.ini [options]",
                               "Shows what a study resolves to: parameters with origin, "
                               "design points, warnings. Runs nothing.",
                               run};

}  // namespace lockstep
