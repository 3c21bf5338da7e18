#include "engine/statistics/pooled_steps.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/elementary.hpp"
#include "engine/statistics/beta.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {

/// Which steps lie below a mark that moves up through the sorted ones. All sums are of whole
/// numbers, so exact.
struct PooledSteps::Below {
  explicit Below(const PooledSteps& all) : all_(all), below_(all.steps_of_.size()) {
    for (double steps : all.steps_of_) {
      trials_ += steps > 0;
      steps_squared_ += steps * steps;
    }
    untouched_ = trials_;
    unfilled_ = trials_;
  }

  /// Moves the mark on to `count` steps below.
  void advance_to(std::size_t count) {
    for (; count_ < count; ++count_) {
      const std::uint32_t trial = all_.trial_[count_];
      const double steps = all_.steps_of_[trial];
      double& below = below_[trial];
      untouched_ -= below == 0;
      squared_ += 2 * below + 1;
      product_ += steps;
      ++below;
      unfilled_ -= below == steps;
    }
  }

  /// How many independent values the steps are worth for a share `p` of about those below.
  double worth(double p) const {
    const auto steps = static_cast<double>(all_.sorted_.size());
    const double tail_trials = std::min(trials_ - untouched_, unfilled_);
    if (trials_ == steps || tail_trials < 2) return trials_;
    const double squares = std::max(0.0, squared_ - 2 * p * product_ + p * p * steps_squared_);
    const double variance = squares * trials_ / (trials_ - 1) / (steps * steps);
    const double t = elementary::normal_quantile(0.975) / student_quantile(0.975, tail_trials - 1);
    const double worth = p * (1 - p) / variance * t * t;
    return worth < steps ? std::max(worth, trials_) : steps;  // also where the variance is 0
  }

  double count() const { return static_cast<double>(count_); }

 private:
  const PooledSteps& all_;
  std::vector<double> below_;  ///< steps of each trial
  std::size_t count_ = 0;
  double trials_ = 0, untouched_ = 0, unfilled_ = 0;  ///< without a step below, with one above
  double squared_ = 0, product_ = 0, steps_squared_ = 0;
};

PooledSteps::PooledSteps(std::span<const double> values, std::int64_t steps) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t i) { return std::isnan(values[i]); });
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return values[a] < values[b] || (values[a] == values[b] && a < b);
  });
  sorted_.reserve(order.size());
  trial_.reserve(order.size());
  steps_of_.assign(values.size() / static_cast<std::size_t>(steps), 0);
  for (std::size_t i : order) {
    sorted_.push_back(values[i]);
    trial_.push_back(static_cast<std::uint32_t>(i / static_cast<std::size_t>(steps)));
    ++steps_of_[trial_.back()];
  }
}

Estimate PooledSteps::quantile(double p, double level) const {
  if (sorted_.empty()) return {};
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const auto all = static_cast<double>(sorted_.size());
  Below below(*this);
  below.advance_to(static_cast<std::size_t>(p * all));
  const double worth_values = std::floor(below.worth(p));
  const auto [lower, upper] = quantile_ranks(static_cast<std::int64_t>(worth_values), p, level);
  // Rank r of the independent values stands where the same share of the steps lies below.
  Estimate estimate{quantile_of_sorted(sorted_, p), -infinity, infinity};
  if (lower > 0) {
    const double rank = std::ceil(static_cast<double>(lower) / worth_values * all - 1e-6);
    estimate.lower = sorted_[static_cast<std::size_t>(rank) - 1];
  }
  if (static_cast<double>(upper) <= worth_values) {
    const double rank = std::floor(static_cast<double>(upper - 1) / worth_values * all + 1e-6);
    estimate.upper = sorted_[static_cast<std::size_t>(rank)];
  }
  estimate.value = std::clamp(estimate.value, estimate.lower, estimate.upper);
  return estimate;
}

PooledSteps::Shares PooledSteps::shares(std::size_t body, std::size_t ends, double level) const {
  const std::size_t n = sorted_.size();
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < std::min(ends, n); ++i) {
    places.push_back(i);
    places.push_back(n - 1 - i);
  }
  for (std::size_t i = 0; i < std::min(body, n); ++i)
    places.push_back(body < 2 || n <= body ? i : i * (n - 1) / (body - 1));
  std::sort(places.begin(), places.end());

  Shares found;
  Below mark(*this);
  const auto share_now = [&] {
    const auto all = static_cast<double>(n);
    const double share = mark.count() / all, worth = mark.worth(share);
    Estimate e = share_estimate(share * worth, worth, level);
    e.value = share;
    return e;
  };
  for (std::size_t place : places) {
    const double value = sorted_[place];
    if (!found.value.empty() && found.value.back() == value) continue;
    found.value.push_back(value);
    const auto [first, last] = std::equal_range(sorted_.begin(), sorted_.end(), value);
    mark.advance_to(static_cast<std::size_t>(first - sorted_.begin()));
    const Estimate less = share_now();
    found.above.push_back({1 - less.value, 1 - less.upper, 1 - less.lower});
    mark.advance_to(static_cast<std::size_t>(last - sorted_.begin()));
    found.below.push_back(share_now());
  }
  return found;
}

}  // namespace lockstep
