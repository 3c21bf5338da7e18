#pragma once

#include <cstdint>

namespace lockstep {

/// P(B <= k) for B binomial of n trials with probability 0 < p < 1. Relative error below 1e-8 for
/// n <= 1e6, 1e-6 for n <= 1e9. Cost O(sqrt(n)) at most.
double binomial_cdf(std::int64_t k, std::int64_t n, double p);

}  // namespace lockstep
