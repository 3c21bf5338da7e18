#include "engine/statistics/pooled_steps.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/elementary.hpp"
#include "engine/statistics/binomial.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {

PooledSteps::PooledSteps(std::span<const double> values, std::int64_t steps) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return std::isnan(values[i]); });
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return values[a] < values[b] || (values[a] == values[b] && a < b);
  });
  steps_of_.assign(values.size() / static_cast<std::size_t>(steps), 0);
  for (std::size_t i : order) {
    sorted_.push_back(values[i]);
    trial_.push_back(static_cast<std::uint32_t>(i / static_cast<std::size_t>(steps)));
    ++steps_of_[trial_.back()];
  }
}

double PooledSteps::worth(double p) const {
  const auto all = static_cast<double>(sorted_.size());
  std::vector<double> below(steps_of_.size());
  const auto quantile = static_cast<std::size_t>(p * all);
  for (std::size_t i = 0; i < quantile; ++i) ++below[trial_[i]];
  double trials = 0, lower_trials = 0, upper_trials = 0, squares = 0;
  for (std::size_t t = 0; t < below.size(); ++t) {
    if (steps_of_[t] == 0) continue;
    ++trials;
    lower_trials += below[t] > 0;
    upper_trials += below[t] < steps_of_[t];
    const double excess = below[t] - p * steps_of_[t];
    squares += excess * excess;
  }
  const double tail_trials = std::min(lower_trials, upper_trials);
  if (trials == all || tail_trials < 2) return trials;
  const double variance = squares * trials / (trials - 1) / (all * all);
  const double t = elementary::normal_quantile(0.975) / student_quantile(0.975, tail_trials - 1);
  return std::clamp(p * (1 - p) / variance * t * t, trials, all);
}

Estimate PooledSteps::quantile(double p, double level) const {
  if (sorted_.empty()) return {};
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double worth_values = std::floor(worth(p));
  const auto [lower, upper] = quantile_ranks(static_cast<std::int64_t>(worth_values), p, level);
  // Rank r of the independent values stands where the same share of the steps lies below.
  const auto all = static_cast<double>(sorted_.size());
  Estimate estimate{quantile_of_sorted(sorted_, p), -infinity, infinity};
  if (lower > 0) {
    const double rank = std::ceil(static_cast<double>(lower) / worth_values * all - 1e-6);
    estimate.lower = sorted_[static_cast<std::size_t>(rank) - 1];
  }
  if (static_cast<double>(upper) <= worth_values) {
    const double rank = std::floor(static_cast<double>(upper - 1) / worth_values * all + 1e-6);
    estimate.upper = sorted_[static_cast<std::size_t>(rank)];
  }
  return estimate;
}

}  // namespace lockstep
