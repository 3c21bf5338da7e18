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

/// Ranks of the order statistics (from 1) between which a quantile lies: P(X(lower) <= q <=
/// X(upper)) >= level for any law, and each side misses with at most half of the rest. lower = 0 or
/// upper = n + 1 where n values are too few to give that limit.
struct QuantileRanks {
  std::int64_t lower, upper;
};

/// The narrowest such ranks for the quantile at 0 < p < 1 of n independent values, from the exact
/// binomial law (David and Nagaraja, "Order Statistics", 3rd ed. (2003), section 7.1). Cost
/// O(sqrt(n) log n).
QuantileRanks quantile_ranks(std::int64_t n, double p, double level);

/// Values of a sample that are not NaN.
std::int64_t present_values(std::span<const double> sample);

/// Mean of a sample, NaNs left out, by compensated summation in order; NaN where nothing is left.
double mean(std::span<const double> sample);

}  // namespace lockstep
