#include "experiments/summary_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

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

std::string number(double value, double scale = 1) {
  return std::isnan(value) ? "-" : fmt::format("{:.4g}", value * scale);
}

std::string with_interval(const std::vector<double>& trials, double scale) {
  const double half = mean_half_width(trials);
  return std::isnan(half) ? number(mean(trials), scale)
                          : fmt::format("{} ± {:.1g}", number(mean(trials), scale), half * scale);
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
  for (const char* name : {"step time s", "p50", "p95", "p99", "MFU %", "waiting %"})
    head.push_back(name);
  std::vector<std::vector<std::string>> rows{head};
  constexpr std::array<double, 3> shares{0.5, 0.95, 0.99};
  for (std::int64_t point = 0; point < schema.points(); ++point) {
    std::vector<std::string> row;
    std::int64_t rest = point;
    for (auto axis = schema.axes.rbegin(); axis != schema.axes.rend(); ++axis) {
      const auto size = static_cast<std::int64_t>(axis->labels.size());
      row.insert(row.begin(), axis->labels[static_cast<std::size_t>(rest % size)]);
      rest /= size;
    }
    const std::vector<double> step_time = file.read("step_time", point);
    row.push_back(with_interval(trial_means(step_time, schema.steps), 1));
    for (double q : quantiles(step_time, shares)) row.push_back(number(q));
    row.push_back(has(schema, "mfu") ? number(mean(file.read("mfu", point)), 100) : "-");
    row.push_back(number(mean(file.read("wait_fraction", point)), 100));
    rows.push_back(std::move(row));
  }
  return fmt::format("{}{}Mean of {} trials ± 95 % interval; quantiles over their {} steps each.\n",
                     schema.title.empty() ? "" : schema.title + "\n\n", format_table(rows),
                     schema.trials, schema.steps);
}

}  // namespace lockstep
