#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/statistics/estimate.hpp"

namespace lockstep {

/// What a file says of one variable at one design point: an estimate for each statistic asked.
struct Answer {
  /// Axis and value, one each; then "chip_generation" or "cause" where the variable has them.
  std::vector<std::pair<std::string, std::string>> labels;
  std::int64_t point = 0;   ///< its number
  std::int64_t trials = 0;  ///< with a value
  std::vector<Estimate> estimates;
  double least = std::numeric_limits<double>::quiet_NaN();  ///< value seen; NaN where there is none
  double most = std::numeric_limits<double>::quiet_NaN();
};

/// Answers of one variable, and all that a reader of them needs.
struct Answers {
  Variable variable;
  std::vector<std::string> statistics;  ///< "mean", "p50"; one for each estimate
  std::vector<std::string> percent;     ///< those of `statistics` that are shares shown in percent
  std::vector<Answer> rows;
  std::string note;  ///< what the numbers are, for the table
};

/// The answers as a table with a caption; one table for each value of `by` where that is given.
std::string answers_text(const Answers& answers, const std::optional<std::string>& by);

/// A line per statistic: variable, units, every label, trials, statistic, value, lower, upper; an
/// empty field where there is none.
std::string answers_csv(const std::vector<Answers>& all);

/// Puts rows of the same value of `by` together, values in the order of their first row.
void group_by(const std::string& by, std::vector<Answer>& rows);

}  // namespace lockstep
