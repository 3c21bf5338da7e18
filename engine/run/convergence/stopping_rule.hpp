#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/text/quantity.hpp"
#include "engine/run/result.hpp"
#include "engine/statistics/estimate.hpp"
#include "engine/statistics/support.hpp"

namespace lockstep {

/// When a study has enough trials: "p99(step_time) within 1%".
struct StoppingRule {
  std::string statistic;  ///< "mean", "p50", "p95", "p99"
  std::string variable;
  double width = 0;  ///< half width asked: SI, or a share of the value
  bool relative = false;
  Dimension dimension = Dimension::none;  ///< of an absolute width
  std::string text;                       ///< canonical

  /// Of the values of one row (trials, steps); level and events as in `mean_estimate`. Cost
  /// O(n log n).
  Estimate estimate(std::span<const double> values, std::int64_t steps, Support support,
                    double level, std::span<const double> events = {}) const;
  /// Farther limit of the estimate over what the rule allows: met at or below 1. Infinite where a
  /// limit is, and where a share of 0 is asked that is not known to be 0. `whole`: what a relative
  /// width is a share of, in place of the value.
  double excess(const Estimate& estimate, std::optional<double> whole = {}) const;
};

/// Reads "STATISTIC(VARIABLE) within WIDTH"; WIDTH is a percentage of the value or a quantity.
/// Throws InputError, message without the key.
StoppingRule parse_stopping_rule(std::string_view text);

/// Throws InputError, message without the key: there is no such variable, or the width is not in
/// its unit.
void check_stopping_rule(const StoppingRule& rule, std::span<const Variable> variables);

/// The trials of each design point at which the rule is judged: `least` in whole blocks, then each
/// time a fourth more, at last `most`. So few looks keep the interval's level: a rule judged after
/// every block stops where the trials look too much alike by chance.
std::int64_t first_look(std::int64_t least, std::int64_t most, std::int64_t block_trials);
std::int64_t next_look(std::int64_t trials, std::int64_t most, std::int64_t block_trials);

}  // namespace lockstep
