#include "experiments/summary_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/statistics/quantile.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

/// Mean of each trial's steps: the trial is what is independent.
std::vector<double> trial_means(const std::vector<double>& values, std::int64_t steps) {
  std::vector<double> means;
  for (std::size_t begin = 0; begin < values.size(); begin += static_cast<std::size_t>(steps))
    means.push_back(mean(std::span(values).subspan(begin, static_cast<std::size_t>(steps))));
  return means;
}

bool has(const ResultSchema& schema, std::string_view name) {
  return std::any_of(schema.variables.begin(), schema.variables.end(),
                     [&](const Variable& v) { return v.name == name; });
}

}  // namespace

std::string summary_table(const ResultFile& file) {
  const ResultSchema& schema = file.schema();
  std::vector<std::string> head;
  for (const Axis& axis : schema.axes) head.push_back(axis.key);
  const auto held = static_cast<std::int64_t>(file.held_blocks().size());
  const bool incomplete = held < schema.blocks();
  if (incomplete) head.emplace_back("trials");
  for (const char* name : {"step time s", "p50", "p95", "p99", "MFU %", "waiting %"})
    head.push_back(name);
  const bool long_run = has(schema, "goodput");
  if (long_run)
    for (const char* name : {"goodput %", "interruptions"}) head.emplace_back(name);
  const bool slices = has(schema, "schedulable_share");
  if (slices) head.emplace_back("schedulable %");
  std::vector<std::vector<std::string>> rows{head};
  constexpr std::array<double, 3> shares{0.5, 0.95, 0.99};
  for (std::int64_t point = 0; point < schema.points(); ++point) {
    std::vector<std::string> row = labels_of(schema.axes, point);
    const std::vector<double> step_time = file.read("step_time", point);
    const std::vector<double> trials = trial_means(step_time, schema.steps);
    if (incomplete) row.push_back(fmt::format("{}", trials.size()));
    row.push_back(format_interval(mean(trials), mean_half_width(trials)));
    for (double q : quantiles(step_time, shares)) row.push_back(format_value(q));
    row.push_back(has(schema, "mfu") ? format_percent(mean(file.read("mfu", point))) : "-");
    row.push_back(format_percent(mean(file.read("wait_fraction", point))));
    if (long_run) {
      std::vector<double> goodput = file.read("goodput", point);
      for (double& share : goodput) share *= 100;
      row.push_back(format_interval(mean(goodput), mean_half_width(goodput)));
      row.push_back(format_value(mean(file.read("interruptions", point))));
    }
    if (slices) {
      std::vector<double> share = file.read("schedulable_share", point);
      for (double& part : share) part *= 100;
      row.push_back(format_interval(mean(share), mean_half_width(share)));
    }
    rows.push_back(std::move(row));
  }
  const std::string title = schema.title.empty() ? "" : schema.title + "\n\n";
  const std::string spread = schema.trials > 1 ? " ± 95 % interval" : "";
  const std::string missing =
      incomplete
          ? fmt::format("Incomplete: {} of {} blocks are in the file; the rest is left out.\n",
                        held, schema.blocks())
          : "";
  const std::string trials =
      incomplete ? std::string("the trials held")
                 : fmt::format("{} trial{}", schema.trials, schema.trials == 1 ? "" : "s");
  return fmt::format("{}{}\nMean of {}{}; quantiles over the {} step{} of each.\n{}", title,
                     format_table(rows), trials, spread, schema.steps, schema.steps == 1 ? "" : "s",
                     missing);
}

}  // namespace lockstep
