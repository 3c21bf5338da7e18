#include "experiments/summary/summary_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/run/capabilities.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/quantile.hpp"
#include "experiments/describe/variance_warnings.hpp"
#include "experiments/summary/series.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

/// nullptr where the file does not have it.
const Variable* find(const ResultSchema& schema, std::string_view name) {
  const auto found = std::find_if(schema.variables.begin(), schema.variables.end(),
                                  [&](const Variable& v) { return v.name == name; });
  return found == schema.variables.end() ? nullptr : &*found;
}

/// Of the capabilities that the file has variables of.
std::vector<SummaryColumn> capability_columns(const ResultSchema& schema) {
  std::vector<SummaryColumn> columns;
  for (const Capability* capability : capabilities())
    if (!capability->columns.empty() && find(schema, capability->columns.front().variable))
      columns.insert(columns.end(), capability->columns.begin(), capability->columns.end());
  return columns;
}

}  // namespace

std::string summary_table(const ResultFile& file, const std::optional<std::string>& by) {
  const ResultSchema& schema = file.schema();
  std::vector<std::string> head;
  for (const Axis& axis : schema.axes) head.push_back(axis.key);
  const auto held = static_cast<std::int64_t>(file.held_blocks().size());
  const bool incomplete = held < schema.blocks();
  if (incomplete) head.emplace_back("trials");
  for (const char* name : {"step time s", "p50", "p95", "p99", "MFU %", "waiting %"})
    head.push_back(name);
  const std::vector<SummaryColumn> columns = capability_columns(schema);
  for (const SummaryColumn& column : columns) head.emplace_back(column.head);
  std::vector<std::vector<std::string>> rows{head};
  constexpr std::array<double, 3> shares{0.5, 0.95, 0.99};
  bool unbounded = false;
  for (std::int64_t point = 0; point < schema.points(); ++point) {
    std::vector<std::string> row = labels_of(schema.axes, point);
    const std::vector<double> step_time = file.read("step_time", point);
    const std::vector<double> trials = trial_means(step_time, schema.steps);
    if (incomplete) row.push_back(fmt::format("{}", present_values(trials)));
    row.push_back(format_estimate(mean_estimate(trials)));
    const PooledSteps pooled(step_time, schema.steps);
    for (double share : shares) {
      const Estimate quantile = pooled.quantile(share);
      unbounded |= !is_bounded(quantile) && !std::isnan(quantile.value);
      row.push_back(format_bounded(quantile));
    }
    row.push_back(find(schema, "mfu") ? format_percent(mean(file.read("mfu", point))) : "-");
    row.push_back(format_percent(mean(file.read("wait_fraction", point))));
    for (const SummaryColumn& column : columns) {
      const Variable* variable = find(schema, column.variable);
      const Estimate e = variable ? series_of(file, *variable, point).front().mean() : Estimate();
      row.push_back(variable ? format_estimate({column.factor * e.value, column.factor * e.lower,
                                                column.factor * e.upper})
                             : "-");
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
      incomplete ? std::string("the trials held") : counted(schema.trials, "trial");
  std::string text = fmt::format("{}{}\nMean of {}{}; quantiles over the {} of each{}.\n{}", title,
                                 by ? format_blocks(rows, *by) : format_table(rows), trials, spread,
                                 counted(schema.steps, "step"),
                                 unbounded ? ", > where the trials are too few: more of them or "
                                             "sampling.until bound them"
                                           : "",
                                 missing);
  if (!schema.until.empty())
    text += schema.until_met
                ? fmt::format("The trials were run until {}.\n", schema.until)
                : fmt::format("sampling.max_trials ended the run before {}.\n", schema.until);
  for (const std::string& warning : variance_warnings(file, *find(schema, "step_time")))
    text += warning + "\n";
  return text;
}

}  // namespace lockstep
