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

}  // namespace lockstep
