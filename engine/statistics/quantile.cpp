#include "engine/statistics/quantile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/statistics/binomial.hpp"

namespace lockstep {
namespace {

std::vector<double> present(std::span<const double> sample) {
  std::vector<double> values;
  std::copy_if(sample.begin(), sample.end(), std::back_inserter(values),
               [](double x) { return !std::isnan(x); });
  return values;
}

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double quantile_of_sorted(std::span<const double> sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(below);
  const double step = sorted[above] - sorted[below];
  // Not part * step where either is 0: it would make NaN of infinite values.
  return part > 0 && step > 0 ? sorted[below] + part * step : sorted[below];
}

std::vector<double> quantiles(std::span<const double> sample, std::span<const double> p) {
  std::vector<double> values = present(sample);
  std::sort(values.begin(), values.end());
  std::vector<double> result;
  for (double share : p)
    result.push_back(values.empty() ? nothing : quantile_of_sorted(values, share));
  return result;
}

std::int64_t present_values(std::span<const double> sample) {
  return std::count_if(sample.begin(), sample.end(), [](double x) { return !std::isnan(x); });
}

double mean(std::span<const double> sample) {
  double sum = 0, lost = 0;
  std::size_t count = 0;
  for (double x : sample) {
    if (std::isnan(x)) continue;
    const double y = x - lost;
    const double total = sum + y;
    lost = std::isfinite(total) ? (total - sum) - y : 0;
    sum = total;
    ++count;
  }
  return count == 0 ? nothing : sum / static_cast<double>(count);
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
