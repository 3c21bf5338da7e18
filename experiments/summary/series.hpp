#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/statistics/estimate.hpp"
#include "engine/statistics/support.hpp"
#include "engine/storage/result_reader.hpp"

namespace lockstep {

/// Names and values, in order: {"topology.kind", "ring"}.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// The values of one row of a summary: (trials, steps), steps = 1 for a variable of whole trials.
/// NaN where the file has none; a time between events is infinite in a trial without one.
struct Series {
  Labels element;  ///< generation or cause, where the variable has them
  std::vector<double> values;
  std::int64_t steps = 1;
  Support support;
  std::vector<double> events;  ///< (trials) that lower it, where the file counts them

  /// Mean over the trials, with its interval.
  Estimate mean() const;
  std::vector<double> trial_means() const;
  /// That have a value.
  std::int64_t trials() const;
  /// Those trials alone, and the first of them.
  Series with_values() const;
  Series first(std::int64_t trials) const;
};

/// Those of a variable at a design point, one for each generation or cause where it has them.
std::vector<Series> series_of(const ResultFile& file, const Variable& variable, std::int64_t point);

/// Every variable that can be asked for: those of the file, then those made of them.
std::vector<Variable> known_variables(const ResultSchema& schema);

/// Axis and value, one each.
Labels point_labels(const ResultSchema& schema, std::int64_t point);

}  // namespace lockstep
