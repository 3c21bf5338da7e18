#include "engine/model/synchronized_group.hpp"

#include "engine/base/elementary.hpp"

namespace lockstep {

SynchronizationCost synchronization_cost(std::int64_t chips, double sigma,
                                         double synchronizations) {
  if (chips <= 1 || sigma == 0) return {};
  const auto n = static_cast<double>(chips);
  // The density of the largest of n standard normals, n phi(z) Phi(z)^(n-1), by Simpson's rule.
  constexpr int intervals = 4000;
  constexpr double low = -10, high = 12, width = (high - low) / intervals;
  constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;
  double first = 0, second = 0;  // moments of the largest factor, less 1
  for (int i = 0; i <= intervals; ++i) {
    const double z = low + width * i;
    const double weight = (i == 0 || i == intervals ? 1.0 : i % 2 == 1 ? 4.0 : 2.0) * width / 3;
    const double density = n * inverse_sqrt_two_pi * elementary::exp(-0.5 * z * z) *
                           elementary::pow(elementary::normal_cdf(z), n - 1) * weight;
    const double excess = elementary::expm1(sigma * z - 0.5 * sigma * sigma);
    first += density * excess;
    second += density * excess * excess;
  }
  const double left = second - first * first - elementary::expm1(sigma * sigma) / n;
  return {first, elementary::sqrt((left > 0 ? left : 0) / synchronizations)};
}

}  // namespace lockstep
