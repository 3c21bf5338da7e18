#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lockstep {

/// Quantiles of a sample at each p in [0, 1], linear between order statistics (type 7 of Hyndman
/// and Fan, "Sample quantiles in statistical packages", American Statistician 50, 1996). NaNs are
/// left out; NaN where nothing is left. Cost O(n log n).
std::vector<double> quantiles(std::span<const double> sample, std::span<const double> p);

/// The same of one p for values that are sorted, none NaN, at least one.
double quantile_of_sorted(std::span<const double> sorted, double p);

/// Values of a sample that are not NaN.
std::int64_t present_values(std::span<const double> sample);

/// Mean of a sample, NaNs left out, by compensated summation in order; NaN where nothing is left.
double mean(std::span<const double> sample);

}  // namespace lockstep
