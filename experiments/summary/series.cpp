#include "experiments/summary/series.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/run/metrics.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/quantile.hpp"
#include "experiments/summary/derived_variables.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

/// nullptr where the variable is the file's own.
const DerivedVariable* derived(const Variable& variable) {
  const auto rows = derived_variables();
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const DerivedVariable& row) {
    return row.variable.name == variable.name;
  });
  return found == rows.end() ? nullptr : &*found;
}

/// A file holds NaN for no interruption as for no trial.
void tell_eventless_trials(const ResultFile& file, std::int64_t point,
                           std::vector<double>& between) {
  const std::vector<double> events = file.read("interruptions", point);
  for (std::size_t t = 0; t < between.size(); ++t)
    if (events[t] == 0) between[t] = std::numeric_limits<double>::infinity();
}

}  // namespace

Estimate Series::mean() const {
  return mean_estimate(trial_means(), support, shown_level, events);
}

std::vector<double> Series::trial_means() const {
  return lockstep::trial_means(values, steps);
}

std::int64_t Series::trials() const {
  return present_values(trial_means());
}

Series Series::with_values() const {
  Series present{element, {}, steps, support, {}};
  const auto each = static_cast<std::size_t>(steps);
  for (std::size_t t = 0; t * each < values.size(); ++t) {
    const auto trial = std::span(values).subspan(t * each, each);
    if (present_values(trial) == 0) continue;
    present.values.insert(present.values.end(), trial.begin(), trial.end());
    if (!events.empty()) present.events.push_back(events[t]);
  }
  return present;
}

Series Series::first(std::int64_t trials) const {
  Series head{element, values, steps, support, events};
  head.values.resize(static_cast<std::size_t>(trials * steps));
  if (!events.empty()) head.events.resize(static_cast<std::size_t>(trials));
  return head;
}

std::vector<Series> series_of(const ResultFile& file, const Variable& variable,
                              std::int64_t point) {
  const ResultSchema& schema = file.schema();
  const DerivedVariable* made = derived(variable);
  std::vector<double> values =
      made != nullptr ? made->values(file, point) : file.read(variable.name, point);
  const auto support = [&](std::string_view label) {
    return made != nullptr ? made->support(schema, point, label)
                           : support_of(schema, point, variable.name, label);
  };
  if (support({}).between_events) tell_eventless_trials(file, point, values);
  if (variable.extents.empty()) {
    const auto counted = events_counted_by(variable.name, schema.variables);
    return {{{},
             std::move(values),
             1,
             support({}),
             counted ? file.read(schema.variables[*counted].name, point) : std::vector<double>()}};
  }
  const std::string& extent = variable.extents.front();
  if (extent == step_extent) return {{{}, std::move(values), schema.steps, support({}), {}}};
  const auto names = schema.labels_of(extent);
  std::vector<Series> rows;
  for (std::size_t e = 0; e < names.size(); ++e) {
    Series& row = rows.emplace_back();
    row.element = {{extent, names[e]}};
    row.support = support(names[e]);
    for (std::size_t at = e; at < values.size(); at += names.size())
      row.values.push_back(values[at]);
  }
  return rows;
}

std::vector<Variable> known_variables(const ResultSchema& schema) {
  std::vector<Variable> variables = schema.variables;
  for (const DerivedVariable& row : derived_variables())
    if (row.present(schema)) variables.push_back(row.variable);
  return variables;
}

Labels point_labels(const ResultSchema& schema, std::int64_t point) {
  const std::vector<std::string> values = labels_of(schema.axes, point);
  Labels labels;
  for (std::size_t a = 0; a < values.size(); ++a)
    labels.emplace_back(schema.axes[a].key, values[a]);
  return labels;
}

}  // namespace lockstep
