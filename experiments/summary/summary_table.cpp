#include "experiments/summary/summary_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/base/text/text.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/quantile.hpp"
#include "experiments/describe/variance_warnings.hpp"
#include "experiments/summary/asked_columns.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

constexpr std::array training_heads{"step time s", "p50", "p95", "p99", "MFU %", "waiting %"};

/// `unbounded` becomes true where the trials are too few for a quantile.
std::vector<std::string> training_cells(const ResultFile& file, std::int64_t point,
                                        bool& unbounded) {
  const std::vector<double> step_time = file.read("step_time", point);
  const std::int64_t steps = file.schema().steps;
  std::vector<std::string> cells{format_estimate(mean_estimate(trial_means(step_time, steps)))};
  const PooledSteps pooled(step_time, steps);
  for (double share : {0.5, 0.95, 0.99}) {
    const Estimate quantile = pooled.quantile(share);
    unbounded |= !is_bounded(quantile) && !std::isnan(quantile.value);
    cells.push_back(format_bounded(quantile));
  }
  const bool has_mfu = find_variable(file.schema(), "mfu") != nullptr;
  cells.push_back(has_mfu ? format_percent(mean(file.read("mfu", point))) : "-");
  cells.push_back(format_percent(mean(file.read("wait_fraction", point))));
  return cells;
}

std::int64_t held_trials(const ResultFile& file, std::int64_t point) {
  return present_values(trial_means(file.read("step_time", point), file.schema().steps));
}

}  // namespace

std::string summary_table(const ResultFile& file, const std::optional<std::string>& by) {
  const ResultSchema& schema = file.schema();
  std::vector<std::string> head;
  for (const Axis& axis : schema.axes) head.push_back(axis.key);
  const auto held = static_cast<std::int64_t>(file.held_blocks().size());
  const bool incomplete = held < schema.blocks();
  if (incomplete) head.emplace_back("trials");
  const bool trains = asks_for_training(schema);
  if (trains) head.insert(head.end(), training_heads.begin(), training_heads.end());
  const std::vector<AskedColumn> columns = asked_columns(file);
  for (const AskedColumn& asked : columns) head.push_back(asked.column.head());
  std::vector<std::vector<std::string>> rows{head};
  bool unbounded = false;
  for (std::int64_t point = 0; point < schema.points(); ++point) {
    std::vector<std::string> row = labels_of(schema.axes, point);
    if (incomplete) row.push_back(fmt::format("{}", held_trials(file, point)));
    if (trains)
      for (std::string& cell : training_cells(file, point, unbounded))
        row.push_back(std::move(cell));
    for (const AskedColumn& asked : columns)
      row.push_back(format_estimate(asked.means[static_cast<std::size_t>(point)]));
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
  std::string quantiles;
  if (trains)
    quantiles = fmt::format("; quantiles over the {} of each", counted(schema.steps, "step"));
  if (unbounded)
    quantiles += ", > where the trials are too few: more of them or sampling.until bound them";
  std::string text = fmt::format("{}{}\nMean of {}{}{}.\n{}", title,
                                 by ? format_blocks(rows, *by) : format_table(rows), trials, spread,
                                 quantiles, missing);
  if (!schema.until.empty())
    text += schema.until_met
                ? fmt::format("The trials were run until {}.\n", schema.until)
                : fmt::format("sampling.max_trials ended the run before {}.\n", schema.until);
  if (trains)
    for (const std::string& warning : variance_warnings(file, *find_variable(schema, "step_time")))
      text += warning + "\n";
  return text;
}

}  // namespace lockstep
