#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/statistics/estimate.hpp"
#include "engine/statistics/support.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose bootstrap{10};
}  // namespace purpose

/// What the second of two design points has more than the first, of which each trial met the same
/// chips, stragglers and failures: in the variable's unit, and as a share of the first.
struct PairedDifference {
  Estimate absolute, relative;
};

/// With limits farther out by what the trials' own values are not known to (Support::within):
/// `first` and `second` are what differs.
PairedDifference widened(PairedDifference difference, double first, double second,
                         const Support& support);

/// Difference of the means: `mean_estimate` of the trials' differences; relative: every r at which
/// that of difference - r first covers 0 (E. C. Fieller, J. R. Stat. Soc. B 16 (1954) 175). first,
/// second: (trials, steps), equally long; a trial counts where neither has a NaN. No share of a
/// mean of 0. `support` is that of either; rare events widen the intervals as `mean_estimate` says.
/// Times between events differ by those of all trials together: relative by the counts, paired;
/// absolute between the limits of each, which are not. Draws: none. Cost O(n).
PairedDifference mean_difference(std::span<const double> first, std::span<const double> second,
                                 std::int64_t steps, Support support = {},
                                 double level = shown_level);

/// Difference of the quantiles over all steps at each of `p`, from `resamples` of the trials (above
/// 5,000 of groups of consecutive ones), both points by the same trials: the hull of the
/// bootstrap's percentile interval and its reflection about the value (A. C. Davison and D. V.
/// Hinkley, "Bootstrap Methods" (1997), eqs. 5.6, 5.18). A limit is infinite where the trials are
/// too few for that limit of either quantile (see PooledSteps). Arguments as above. Draws: trials
/// or groups / 4 Philox blocks a resample, of purpose::bootstrap with a fixed seed: the same
/// interval everywhere. Cost O(n log n) and O(resamples * groups).
std::vector<PairedDifference> quantile_differences(std::span<const double> first,
                                                   std::span<const double> second,
                                                   std::int64_t steps, std::span<const double> p,
                                                   double level = shown_level);

/// Bootstrap samples of the trials: the limits at level 0.95 are the 50th from either end.
inline constexpr std::uint32_t resamples = 1999;

}  // namespace lockstep
