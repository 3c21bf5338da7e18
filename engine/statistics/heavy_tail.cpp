#include "engine/statistics/heavy_tail.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "engine/base/elementary.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {
namespace {

/// Upper limit at `level` of the tail index, from the k largest of values that fall.
double hill_limit(const std::vector<double>& falling, std::size_t k, double level) {
  if (k < 2 || !(falling[k] > 0)) return std::numeric_limits<double>::infinity();
  double logs = 0;  // k / estimate
  for (std::size_t i = 0; i < k; ++i) logs += elementary::log(falling[i] / falling[k]);
  return elementary::gamma_p_inverse(static_cast<double>(k), level) / logs;
}

}  // namespace

bool variance_seems_infinite(std::span<const double> values) {
  constexpr double certainty = 0.99;
  constexpr double p[] = {0.5};
  const double median = quantiles(values, p).front();
  std::vector<double> deviations;
  for (double x : values)
    if (!std::isnan(x)) deviations.push_back(std::fabs(x - median));
  std::sort(deviations.begin(), deviations.end(), std::greater<>());
  const auto k = static_cast<std::size_t>(elementary::sqrt(static_cast<double>(deviations.size())));
  // A few trials slow by the same amount look heavy against the rest, but not among themselves.
  return hill_limit(deviations, k, certainty) < 2 && hill_limit(deviations, k / 4, 0.5) < 2;
}

}  // namespace lockstep
