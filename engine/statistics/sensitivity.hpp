#pragma once

#include <span>

#include "engine/statistics/estimate.hpp"

namespace lockstep {

/// How an output depends on an uncertain input of the same trials.
struct Sensitivity {
  /// Share of the output's variance between trials that the input explains alone (first-order
  /// Sobol index). NaN below 20 trials or where either does not vary.
  Estimate share;
  /// What `share` of an input without effect exceeds in 5 % of cases; NaN as there.
  double chance;
  /// Spearman's rank correlation; NaN below 5 trials or where either does not vary.
  Estimate rank;
};

/// input, output: a value a trial, equally many; a trial counts where neither is NaN.
///
/// share: trials are cut by the input into k = sqrt(n) / 2 bins (3 to 20) of equal count; the
/// variance between bins over that of all, less what the noise of their means adds (epsilon
/// squared: T. L. Kelley, PNAS 21 (1935) 554). Limits by Student's law of n / k degrees of freedom,
/// the variance that of its influence function (F. R. Hampel, J. Am. Stat. Assoc. 69 (1974) 383)
/// and, where that vanishes, of the noise: 2 (k - 1) ((1 - share) / (n - k))^2. chance: the F law
/// of k - 1 and n - k degrees of freedom. rank: R. A. Fisher's transformation with the variance (1
/// + r^2 / 2) / (n - 3) (D. G. Bonett and T. A. Wright, Psychometrika 65 (2000) 23), good up to
/// |rank| = 0.95. Draws: none. Cost O(n log n).
Sensitivity sensitivity(std::span<const double> input, std::span<const double> output,
                        double level = shown_level);

}  // namespace lockstep
