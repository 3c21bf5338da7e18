#pragma once

#include <cstdint>

namespace lockstep {

/// P(B <= k) for B binomial of n trials with probability 0 < p < 1. Relative error below 1e-8 for
/// n <= 1e6, 1e-6 for n <= 1e9. Cost O(sqrt(n)) at most.
double binomial_cdf(std::int64_t k, std::int64_t n, double p);

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

}  // namespace lockstep
