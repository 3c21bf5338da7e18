#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/statistics/estimate.hpp"

namespace lockstep {

/// Quantiles and shares over all steps of all trials, with intervals that know that the steps of a
/// trial are not independent: p99 and its limits. One step a trial is the plain sample of trials.
class PooledSteps {
 public:
  /// values: (trials, steps), NaNs left out. Cost O(n log n) for n values.
  PooledSteps(std::span<const double> values, std::int64_t steps);

  /// The quantile at 0 < p < 1, linear between order statistics (type 7, see quantile.hpp), between
  /// the order statistics of `quantile_ranks` for as many independent values as the steps are
  /// worth: n_eff = p (1 - p) / Var(share of steps below) (z / t)^2, the variance from the trials'
  /// own shares (E. L. Korn and B. I. Graubard, Survey Methodology 24 (1998) 193), Student's t with
  /// one degree less than the trials that have steps in the smaller tail; never below the number of
  /// trials nor above that of steps. With one step a trial it is exact for any law. Where so few
  /// values leave type 7 beyond a limit, the value is that limit. Draws: none. Cost O(n).
  Estimate quantile(double p, double level = shown_level) const;

  /// Shares of the steps at or below, and at or above, values of the sample; equally long columns.
  struct Shares {
    std::vector<double> value;  ///< ascending
    std::vector<Estimate> below, above;
  };
  /// At most `body` values evenly far apart in share, and the `ends` smallest and largest ones. The
  /// limits are those of `share_estimate` for n_eff as above. Draws: none. Cost O(n).
  Shares shares(std::size_t body, std::size_t ends, double level = shown_level) const;

  /// Ascending, without NaN.
  const std::vector<double>& sorted() const { return sorted_; }

 private:
  /// Sums over the trials from which n_eff at a share follows.
  struct Below;

  std::vector<double> sorted_;
  std::vector<std::uint32_t> trial_;  ///< of each sorted value
  std::vector<double> steps_of_;      ///< values of each trial
};

}  // namespace lockstep
