#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/statistics/estimate.hpp"
#include "engine/statistics/support.hpp"

namespace lockstep {

/// Mean of independent values (trials), NaNs left out, with an interval that allows for skewness:
/// on each side the farther of Student's limit and that of Hall's cubic transformation of Student's
/// statistic (P. Hall, "On the removal of skewness by transformation", J. R. Stat. Soc. B 54 (1992)
/// 221, eq. 2.2, both with Student's quantile). Assumes a finite variance. Below two values there
/// are no limits (infinite).
///
/// Where `support` says that rare events move the variable, and at most half of the trials and
/// fewer than 20 differ from the most frequent value, the number of those trials decides: on each
/// side the limits of `rate_estimate` (a count) or `share_estimate` of the trials beyond that
/// value, times how far these are from it on average; where none is seen, as far as the farthest on
/// the other side, or, where there is none either, as the support goes (a count: 1). These are
/// together with the limits above where trials are unlike far. So trials that are all alike leave
/// an interval: a count of 0 in n trials has the upper limit 3.69 / n. No limit is outside the
/// support; those of values that are sketched are `widened`. Where dense noise hides which trials
/// an event moved, `events`, the number in each trial (or empty), tells: those without one count as
/// alike, at their mean. A time between events is that of all trials together, their time over
/// their events, with the limits of the mean count turned round: infinite with an infinite upper
/// limit where no event was seen, and without limits where the trials' time is not known. Draws:
/// none. Cost O(n), of rare events O(n log n).
Estimate mean_estimate(std::span<const double> values, Support support = {},
                       double level = shown_level, std::span<const double> events = {});

/// With limits farther out by what the trials' own values are not known to (Support::within).
Estimate widened(const Estimate& estimate, const Support& support);

/// Mean of each trial's `steps` consecutive values, NaNs left out; NaN where a trial has none.
/// values: (trials, steps).
std::vector<double> trial_means(std::span<const double> values, std::int64_t steps);

/// The t with P(T <= t) = p for Student's law of `freedom` >= 1 degrees of freedom: closed forms up
/// to 2, above by Abramowitz and Stegun 26.7.5; relative error below 2e-3 for 0.005 <= p <= 0.995,
/// below 1e-5 from 10 degrees on.
double student_quantile(double p, double freedom);

}  // namespace lockstep
