#include "engine/run/metrics.hpp"

#include <algorithm>
#include <cmath>

#include "engine/run/study/parameter_text.hpp"

namespace lockstep {
namespace {

/// nullptr where there is none.
const Metric* metric_called(std::string_view name) {
  static const std::vector<Metric> rows = metrics();
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const Metric& m) { return m.variable.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

std::vector<Metric> metrics(std::span<const Capability* const> of) {
  std::vector<Metric> all = rows_of(training_metrics());
  for (const Capability* capability : of) {
    const std::vector<Metric> own = capability->metrics();
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

bool may_yield(const Metric& metric, double value) {
  return std::isfinite(value) || (std::isnan(value) && !metric.of_each_trial);
}

bool is_course(std::string_view variable) {
  const Metric* metric = metric_called(variable);
  return metric != nullptr && metric->is_course;
}

std::optional<std::size_t> events_counted_by(std::string_view variable,
                                             std::span<const Variable> variables) {
  const Metric* metric = metric_called(variable);
  if (metric == nullptr || metric->counted_by.empty()) return {};
  for (std::size_t v = 0; v < variables.size(); ++v)
    if (variables[v].name == metric->counted_by) return v;
  return {};
}

Support support_of(const ResultSchema& schema, std::int64_t point, std::string_view variable,
                   std::string_view label) {
  const Metric* metric = metric_called(variable);
  if (metric == nullptr) return {};
  if (metric->at == nullptr) return metric->support;
  return metric->at(metric->support,
                    {[&](std::string_view key) { return parameter_text(schema, key, point); }},
                    label);
}

}  // namespace lockstep
