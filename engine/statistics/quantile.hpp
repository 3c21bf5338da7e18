#pragma once

#include <span>
#include <vector>

namespace lockstep {

/// Quantiles of a sample at each p in [0, 1], linear between order statistics (type 7 of Hyndman
/// and Fan, "Sample quantiles in statistical packages", American Statistician 50, 1996). NaNs are
/// left out; NaN where nothing is left. Cost O(n log n).
std::vector<double> quantiles(std::span<const double> sample, std::span<const double> p);

/// Mean of a sample, NaNs left out, by compensated summation in order; NaN where nothing is left.
double mean(std::span<const double> sample);

/// Half the width of the 95 % confidence interval of the mean of independent values: 1.96 standard
/// errors. NaN below two values.
double mean_half_width(std::span<const double> sample);

}  // namespace lockstep
