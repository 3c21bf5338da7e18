#include "experiments/summary/asked_columns.hpp"

#include <algorithm>
#include <cmath>

#include "engine/run/capabilities.hpp"
#include "experiments/study_file.hpp"
#include "experiments/summary/series.hpp"

namespace lockstep {
namespace {

bool is_asked(const Capability& capability, const ResultSchema& schema) {
  return !capability.columns.empty() &&
         find_variable(schema, capability.columns.front().variable) != nullptr;
}

Estimate mean_of(const ResultFile& file, const Variable& variable, std::int64_t point,
                 const SummaryColumn& column) {
  const std::vector<Series> rows = series_of(file, variable, point);
  const auto row = column.element.empty()
                       ? rows.begin()
                       : std::find_if(rows.begin(), rows.end(), [&](const Series& series) {
                           return series.element.front().second == column.element;
                         });
  const Estimate mean = row->mean();
  return {column.factor * mean.value, column.factor * mean.lower, column.factor * mean.upper};
}

}  // namespace

const Variable* find_variable(const ResultSchema& schema, std::string_view name) {
  const auto found = std::find_if(schema.variables.begin(), schema.variables.end(),
                                  [&](const Variable& v) { return v.name == name; });
  return found == schema.variables.end() ? nullptr : &*found;
}

std::vector<AskedColumn> asked_columns(const ResultFile& file) {
  std::vector<AskedColumn> asked;
  for (const Capability* capability : capabilities()) {
    if (!is_asked(*capability, file.schema())) continue;
    for (const SummaryColumn& column : capability->columns) {
      const Variable* variable = find_variable(file.schema(), column.variable);
      if (variable == nullptr) continue;
      AskedColumn found{capability->name, column, {}};
      for (std::int64_t point = 0; point < file.schema().points(); ++point)
        found.means.push_back(mean_of(file, *variable, point, column));
      if (std::any_of(found.means.begin(), found.means.end(),
                      [](const Estimate& mean) { return !std::isnan(mean.value); }))
        asked.push_back(std::move(found));
    }
  }
  return asked;
}

bool asks_for_training(const ResultSchema& schema) {
  const auto all = capabilities();
  return std::none_of(all.begin(), all.end(),
                      [&](const Capability* capability) {
                        return capability->instead_of_training && is_asked(*capability, schema);
                      }) ||
         says_what_to_train(schema.study_text, schema.overrides);
}

}  // namespace lockstep
