#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/run/progress.hpp"
#include "experiments/command.hpp"
#include "experiments/study_options.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

namespace po = boost::program_options;

void print_parameters(const Study& study) {
  std::vector<std::vector<std::string>> rows{{"parameter", "value", "from"}};
  for (const ResolvedParameter& parameter : study.parameters)
    rows.push_back(
        {parameter.key, parameter.text.empty() ? "(none)" : parameter.text, parameter.origin});
  fmt::print("{}\n", format_table(rows));
}

void print_points(const Plan& plan) {
  const ResultSchema& schema = plan.schema;
  const auto fact = [&](std::string_view name, std::size_t point) {
    for (const PointVariable& variable : schema.point_variables)
      if (variable.name == name) return variable.numbers[point];
    return std::nan("");
  };
  std::vector<std::vector<std::string>> rows{
      {"design point", "replicas", "chips idle", "all-reduce s", "choice"}};
  for (std::size_t p = 0; p < plan.study.points.size(); ++p)
    rows.push_back({plan.study.point_names[p].empty() ? "(the base)" : plan.study.point_names[p],
                    fmt::format("{:.0f}", fact("replicas", p)),
                    fmt::format("{:.0f}", fact("chips_idle", p)),
                    fmt::format("{:.4g}", fact("noise_free_communication_time", p)),
                    schema.point_variables.back().texts[p] +
                        (fact("extrapolated", p) > 0 ? " (larger than any published)" : "")});
  fmt::print("{}\n", format_table(rows));
}

/// What a reader should know before running, of the first design point.
void print_notes(const Plan& plan, const DesignPoint& point) {
  const Scenario& scenario = point.scenario();
  const double spread = scenario.fleet.chip_spread;
  if (spread > 0) {
    const double chips = static_cast<double>(point.layout().chips());
    const double z = std::sqrt(2 * std::log(std::max(2.0, chips)));
    fmt::print(
        "The slowest of {:.0f} chips is expected about {:.1f} % below the mean (chip_spread "
        "{}).\n",
        chips, 100 * (1 - std::exp(-spread * z)), spread);
  }
  const double need = scenario.job.memory_per_chip(point.layout().replicas);
  for (const auto& generation : scenario.fleet.generations)
    if (need > generation.chip.hbm)
      fmt::print(
          "Warning: {:.0f} GB of weights, gradients and optimizer state a chip do not fit "
          "{}'s {:.0f} GB; raise job.tensor or job.pipeline.\n",
          need / 1e9, generation.chip.name, generation.chip.hbm / 1e9);
  const Noise& noise = scenario.noise;
  if (noise.straggler_fraction == 0 && noise.slow_link_fraction == 0)
    fmt::print(
        "Warning: only independent noise is on; it averages out over many chips, so that "
        "distributions come out narrow. Consider noise.straggler_fraction and "
        "noise.slow_link_fraction.\n");
  const ResultSchema& schema = plan.schema;
  double values = 0;
  for (const Variable& variable : schema.variables)
    values += static_cast<double>(schema.values_per_trial(variable));
  fmt::print("{} design points x {} trials x {} steps in {} blocks; result file about {:.1f} MB.\n",
             schema.points(), schema.trials, schema.steps, schema.blocks(),
             8e-6 * values * static_cast<double>(schema.trials * schema.points()));
}

int run(const std::vector<std::string>& arguments) {
  const po::options_description options = study_options();
  const auto map = parse_arguments(describe_command, arguments, options, "study", 1);
  if (map.empty()) return done;
  const Plan plan = load_plan(map);
  if (!plan.study.title.empty()) fmt::print("{}\n\n", plan.study.title);
  print_parameters(plan.study);
  print_points(plan);
  print_notes(plan, *plan.build(0));
  fmt::print("study_id {}\n", plan.study.study_id);
  return done;
}

}  // namespace

const Command describe_command{"describe", "STUDY.ini [options]",
                               "Shows the resolved plan of a study: every parameter with its "
                               "origin, design points, warnings. Runs nothing.",
                               run};

}  // namespace lockstep
