#include "engine/statistics/paired_difference.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "engine/base/random.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {
namespace {

constexpr Stream bootstrap{.seed = 1, .purpose = purpose::bootstrap, .trial = 0};
constexpr double infinity = std::numeric_limits<double>::infinity();

/// The trials of both points where neither has a NaN.
struct CommonTrials {
  std::vector<double> first, second;

  CommonTrials(std::span<const double> a, std::span<const double> b, std::int64_t steps) {
    const auto each = static_cast<std::size_t>(steps);
    const auto missing = [](double x) { return std::isnan(x); };
    for (std::size_t begin = 0; begin < a.size(); begin += each) {
      const auto x = a.subspan(begin, each), y = b.subspan(begin, each);
      if (std::any_of(x.begin(), x.end(), missing) || std::any_of(y.begin(), y.end(), missing))
        continue;
      first.insert(first.end(), x.begin(), x.end());
      second.insert(second.end(), y.begin(), y.end());
    }
  }
};

/// Trials that are drawn together, so that many trials cost no more than `most_units`: groups of
/// independent trials are independent too.
std::size_t trials_per_unit(std::size_t trials) {
  constexpr std::size_t most_units = 5000;
  return (trials + most_units - 1) / most_units;
}

using Weights = std::vector<std::uint32_t>;

/// The steps of one point by size, each with its unit: one quantile of any resample of the units.
class Resampled {
 public:
  /// values: (trials, steps), at least one trial.
  Resampled(const std::vector<double>& values, std::int64_t steps, double p)
      : p_(p), values_(values), unit_(values.size()) {
    const auto each = static_cast<std::size_t>(steps);
    const std::size_t together = each * trials_per_unit(values.size() / each);
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) {
      return values[x] < values[y] || (values[x] == values[y] && x < y);
    });
    std::sort(values_.begin(), values_.end());
    std::transform(order.begin(), order.end(), unit_.begin(),
                   [&](std::size_t i) { return static_cast<std::uint32_t>(i / together); });
    start_ = static_cast<std::size_t>(p * static_cast<double>(values.size()));
    below_start_.assign((values.size() + together - 1) / together, 0);
    size_ = below_start_;
    for (std::size_t i = 0; i < unit_.size(); ++i) {
      ++size_[unit_[i]];
      below_start_[unit_[i]] += i < start_;
    }
  }

  std::size_t units() const { return size_.size(); }

  /// The least value with at least p of the resample at or below it, sought from where it is in
  /// the sample.
  double quantile(const Weights& weight) const {
    std::int64_t all = 0, below = 0;
    for (std::size_t u = 0; u < weight.size(); ++u) {
      all += weight[u] * size_[u];
      below += weight[u] * below_start_[u];
    }
    const auto due = static_cast<std::int64_t>(std::ceil(p_ * static_cast<double>(all) - 1e-9));
    std::size_t i = start_;
    while (below < due) below += weight[unit_[i++]];
    while (below - weight[unit_[i - 1]] >= due) below -= weight[unit_[--i]];
    return values_[i - 1];
  }
  double quantile() const { return quantile_of_sorted(values_, p_); }

 private:
  double p_;
  std::vector<double> values_;  ///< sorted
  std::vector<std::uint32_t> unit_;
  std::size_t start_ = 0;                         ///< place of the quantile in the sample
  std::vector<std::int64_t> size_, below_start_;  ///< values of each unit
};

/// How often resample `number` takes each unit. Consumes weight.size() / 4 blocks.
void draw_weights(std::uint32_t number, Weights& weight) {
  std::fill(weight.begin(), weight.end(), 0);
  const std::size_t units = weight.size();
  for (std::size_t i = 0; i < units; i += 4) {
    const PhiloxBlock block = bootstrap.block(i / 4, number);
    for (std::size_t j = 0; j < std::min<std::size_t>(4, units - i); ++j)
      ++weight[(std::uint64_t{block.word[j]} * units) >> 32];
  }
}

Estimate bootstrap_estimate(double value, std::vector<double> drawn, double level) {
  if (std::isnan(value)) return {};
  // A share of nothing, 0 / 0 in some resample, may be any.
  if (std::any_of(drawn.begin(), drawn.end(), [](double x) { return std::isnan(x); }))
    return {value, -infinity, infinity};
  std::sort(drawn.begin(), drawn.end());
  const auto outside = static_cast<std::size_t>((1 - level) / 2 * (drawn.size() + 1.0) + 0.5);
  const double low = drawn[outside - 1], high = drawn[drawn.size() - outside];
  return {value, std::min(low, 2 * value - high), std::max(high, 2 * value - low)};
}

/// The ratio of two means: all r at which the mean of numerator - r denominator may be 0.
Estimate ratio_estimate(const std::vector<double>& numerator,
                        const std::vector<double>& denominator, double level) {
  std::vector<double> rest(numerator.size());
  const auto rest_at = [&](double ratio) {
    for (std::size_t t = 0; t < rest.size(); ++t) rest[t] = numerator[t] - ratio * denominator[t];
    return mean_estimate(rest, {}, level);
  };
  const double base = mean(denominator), ratio = mean(numerator) / base;
  const Estimate at_ratio = rest_at(ratio);
  const double width = (at_ratio.upper - at_ratio.lower) / std::fabs(base);
  if (!std::isfinite(width) || !(width > 0)) return {ratio, ratio - width, ratio + width};
  const auto limit = [&](double step) {
    const auto possible = [&](double r) {
      const Estimate e = rest_at(r);
      return e.lower <= 0 && 0 <= e.upper;
    };
    constexpr int most_doublings = 64, halvings = 50;
    int doublings = 0;
    while (possible(ratio + step))
      if (step *= 2; ++doublings == most_doublings) return std::copysign(infinity, step);
    double inside = ratio, outside = ratio + step;
    for (int i = 0; i < halvings; ++i) {
      const double middle = (inside + outside) / 2;
      (possible(middle) ? inside : outside) = middle;
    }
    return outside;
  };
  return {ratio, limit(-width), limit(width)};
}

/// Of times between events, trial_time / events each.
PairedDifference time_difference(const std::vector<double>& a, const std::vector<double>& b,
                                 Support support, double level) {
  const Estimate first = mean_estimate(a, support, level),
                 second = mean_estimate(b, support, level);
  const auto events = [](std::vector<double> times) {
    for (double& x : times) x = 1 / x;
    return times;
  };
  PairedDifference found;
  // Events of the first over those of the second: as their times, the other way round.
  found.relative = mean_difference(events(b), events(a), 1, {}, level).relative;
  if (std::isfinite(first.value) && std::isfinite(second.value))
    found.absolute = {second.value - first.value, second.lower - first.upper,
                      second.upper - first.lower};
  return found;
}

}  // namespace

PairedDifference widened(PairedDifference difference, double first, double second,
                         const Support& support) {
  if (support.within == 0) return difference;
  const double error = support.within * (std::fabs(first) + std::fabs(second));
  difference.absolute.lower -= error;
  difference.absolute.upper += error;
  difference.relative.lower -= error / std::fabs(first);
  difference.relative.upper += error / std::fabs(first);
  return difference;
}

PairedDifference mean_difference(std::span<const double> first, std::span<const double> second,
                                 std::int64_t steps, Support support, double level) {
  const CommonTrials common(first, second, steps);
  const std::vector<double> a = trial_means(common.first, steps);
  const std::vector<double> b = trial_means(common.second, steps);
  if (support.between_events) return time_difference(a, b, support, level);
  std::vector<double> differences(a.size());
  std::transform(b.begin(), b.end(), a.begin(), differences.begin(), std::minus<>());
  PairedDifference found;
  found.absolute = mean_estimate(differences, support.difference(), level);
  const double base = mean(a);
  if (!(std::fabs(base) > 0)) return widened(found, base, mean(b), support);
  found.relative = ratio_estimate(differences, a, level);
  const Estimate seen = mean_estimate(differences, {}, level);
  if (found.absolute.lower < seen.lower || found.absolute.upper > seen.upper) {  // rare events
    const double one = found.absolute.lower / base, other = found.absolute.upper / base;
    found.relative.lower = std::min({found.relative.lower, one, other});
    found.relative.upper = std::max({found.relative.upper, one, other});
  }
  return widened(found, base, mean(b), support);
}

std::vector<PairedDifference> quantile_differences(std::span<const double> first,
                                                   std::span<const double> second,
                                                   std::int64_t steps, std::span<const double> p,
                                                   double level) {
  const CommonTrials common(first, second, steps);
  std::vector<PairedDifference> results(p.size());
  if (common.first.empty()) return results;
  std::vector<Resampled> a, b;
  for (double share : p) {
    a.emplace_back(common.first, steps, share);
    b.emplace_back(common.second, steps, share);
  }
  std::vector<std::vector<double>> absolute(p.size()), relative(p.size());
  Weights weight(a.empty() ? 0 : a.front().units());
  for (std::uint32_t number = 0; number < resamples; ++number) {
    draw_weights(number, weight);
    for (std::size_t q = 0; q < p.size(); ++q) {
      const double base = a[q].quantile(weight), other = b[q].quantile(weight);
      absolute[q].push_back(other - base);
      relative[q].push_back(other / base - 1);
    }
  }
  const PooledSteps of_first(common.first, steps), of_second(common.second, steps);
  for (std::size_t q = 0; q < p.size(); ++q) {
    const double base = a[q].quantile(), other = b[q].quantile();
    const Estimate x = of_first.quantile(p[q], level), y = of_second.quantile(p[q], level);
    results[q] = {bootstrap_estimate(other - base, std::move(absolute[q]), level),
                  bootstrap_estimate(other / base - 1, std::move(relative[q]), level)};
    for (Estimate* e : {&results[q].absolute, &results[q].relative}) {
      if (std::isinf(x.upper) || std::isinf(y.lower)) e->lower = -infinity;
      if (std::isinf(x.lower) || std::isinf(y.upper)) e->upper = infinity;
    }
  }
  return results;
}

}  // namespace lockstep
