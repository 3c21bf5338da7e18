#include "engine/statistics/binomial.hpp"

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

double probability(std::int64_t k, std::int64_t n, double p) {
  const auto successes = static_cast<double>(k), failures = static_cast<double>(n - k);
  return elementary::exp(elementary::lgamma(static_cast<double>(n) + 1) -
                         elementary::lgamma(successes + 1) - elementary::lgamma(failures + 1) +
                         successes * elementary::log(p) + failures * elementary::log1p(-p));
}

/// P(B <= k) for k below the mean: terms fall from k downward.
double lower_tail(std::int64_t k, std::int64_t n, double p) {
  double term = probability(k, n, p), sum = 0;
  const double odds = (1 - p) / p;
  for (; k >= 0 && term > 1e-17 * sum; --k) {
    sum += term;
    term *= static_cast<double>(k) / static_cast<double>(n - k + 1) * odds;
  }
  return sum;
}

}  // namespace

double binomial_cdf(std::int64_t k, std::int64_t n, double p) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  if (static_cast<double>(k) < p * static_cast<double>(n)) return lower_tail(k, n, p);
  return 1 - lower_tail(n - k - 1, n, 1 - p);
}

QuantileRanks quantile_ranks(std::int64_t n, double p, double level) {
  const double miss = (1 - level) / 2;
  // Both limits fall with the rank's distance from the quantile; bisection finds the nearest.
  std::int64_t inside = n + 1, outside = 0;
  while (inside - outside > 1) {  // the largest rank with P(B < rank) <= miss
    const std::int64_t rank = outside + (inside - outside) / 2;
    (binomial_cdf(rank - 1, n, p) <= miss ? outside : inside) = rank;
  }
  const std::int64_t lower = outside;
  inside = 0;
  outside = n + 1;
  while (outside - inside > 1) {  // the smallest rank with P(B >= rank) <= miss
    const std::int64_t rank = inside + (outside - inside) / 2;
    (binomial_cdf(n - rank, n, 1 - p) <= miss ? outside : inside) = rank;
  }
  return {lower, outside};
}

}  // namespace lockstep
