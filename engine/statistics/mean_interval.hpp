#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/statistics/estimate.hpp"

namespace lockstep {

/// Mean of independent values (trials), NaNs left out, with an interval that allows for skewness:
/// on each side the farther of Student's limit and that of Hall's cubic transformation of Student's
/// statistic (P. Hall, "On the removal of skewness by transformation", J. R. Stat. Soc. B 54 (1992)
/// 221, eq. 2.2, both with Student's quantile). Assumes a finite variance. Below two values there
/// are no limits (infinite). Draws: none. Cost O(n).
Estimate mean_estimate(std::span<const double> values, double level = shown_level);

/// Mean of each trial's `steps` consecutive values, NaNs left out; NaN where a trial has none.
/// values: (trials, steps).
std::vector<double> trial_means(std::span<const double> values, std::int64_t steps);

/// The t with P(T <= t) = p for Student's law of `freedom` >= 1 degrees of freedom: closed forms up
/// to 2, above by Abramowitz and Stegun 26.7.5; relative error below 2e-3 for 0.005 <= p <= 0.995,
/// below 1e-5 from 10 degrees on.
double student_quantile(double p, double freedom);

}  // namespace lockstep
