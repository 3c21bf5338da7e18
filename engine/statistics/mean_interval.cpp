#include "engine/statistics/mean_interval.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"
#include "engine/statistics/beta.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The sign of x kept.
double cube_root(double x) {
  return std::copysign(elementary::pow(std::fabs(x), 1.0 / 3), x);
}

/// By Student and Hall.
Estimate skewed_estimate(std::span<const double> values, double level) {
  const double middle = mean(values);
  double count = 0, squares = 0, cubes = 0;
  for (double x : values) {
    if (std::isnan(x)) continue;
    const double d = x - middle;
    ++count;
    squares += d * d;
    cubes += d * d * d;
  }
  if (count == 0) return {};
  if (count < 2 || !std::isfinite(squares)) return {middle, -infinity, infinity};
  const double error = elementary::sqrt(squares / (count - 1) / count);
  if (error == 0) return {middle, middle, middle};

  const double t = student_quantile((1 + level) / 2, count - 1);
  const double root = elementary::sqrt(count);
  const double skewness = cubes / count / (squares / count * elementary::sqrt(squares / count));
  // Hall's inverse: what Student's statistic is where its transform is q.
  const auto student_of = [&](double q) {
    if (std::fabs(skewness) < 1e-6) return q;
    const double inner = 1 + skewness * (q / root - skewness / (6 * count));
    return 3 * root / skewness * (cube_root(inner) - 1);
  };
  return {middle, middle - error * std::max(t, student_of(t)),
          middle + error * std::max(t, -student_of(-t))};
}

/// The value that most of the sorted values have, the least of several.
double most_frequent(std::span<const double> sorted) {
  double found = sorted.front();
  std::ptrdiff_t most = 0;
  for (auto begin = sorted.begin(); begin != sorted.end();) {
    const auto end = std::upper_bound(begin, sorted.end(), *begin);
    if (end - begin > most) {
      most = end - begin;
      found = *begin;
    }
    begin = end;
  }
  return found;
}

/// Trials on one side of the usual value.
struct Side {
  double trials = 0, sum = 0;  ///< of how far they are from it
  double nearest = infinity, farthest = 0;
  double reach = 0;  ///< the farthest that an unseen one can be

  /// How far what was seen on this side lets the other reach.
  double seen_reach() const { return trials > 0 ? farthest : infinity; }
  /// Mean distance over all n trials.
  Estimate mean(double n, bool counts, double level) const {
    if (trials == 0 && reach == 0) return {0, 0, 0};
    const double size = trials > 0 ? sum / trials : reach;
    const Estimate e = counts ? rate_estimate(trials, n, level) : share_estimate(trials, n, level);
    return {size * e.value, size * e.lower, size * e.upper};
  }
};

/// The values of all trials, those of trials without an event at their mean.
std::vector<double> without_noise(std::span<const double> values, std::span<const double> events) {
  std::vector<double> quiet(values.begin(), values.end());
  double sum = 0, trials = 0;
  const auto is_quiet = [&](std::size_t t) { return events[t] == 0 && !std::isnan(values[t]); };
  for (std::size_t t = 0; t < events.size(); ++t)
    if (is_quiet(t)) sum += values[t], ++trials;
  for (std::size_t t = 0; t < events.size(); ++t)
    if (is_quiet(t)) quiet[t] = sum / trials;
  return quiet;
}

void widen_by_rare_events(Estimate& estimate, std::span<const double> values, Support support,
                          double level, std::span<const double> events) {
  constexpr double few = 20;
  std::vector<double> sorted = without_noise(values, events);
  std::erase_if(sorted, [](double x) { return std::isnan(x); });
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(sorted.size());
  const double usual = most_frequent(sorted);
  using enum Support::Events;
  if (support.events == add && usual != 0) return;  // there is no trial without an event
  const bool counted = support.events == count;
  const double farthest = counted ? 1 : infinity;
  Side below{.reach = std::min(farthest, usual - support.least)};
  Side above{.reach = support.events == lower ? 0 : std::min(farthest, support.most - usual)};
  for (double x : sorted) {
    if (x == usual) continue;
    Side& side = x < usual ? below : above;
    const double distance = std::fabs(x - usual);
    ++side.trials;
    side.sum += distance;
    side.nearest = std::min(side.nearest, distance);
    side.farthest = std::max(side.farthest, distance);
  }
  if (below.trials == 0) below.reach = std::min(below.reach, above.seen_reach());
  if (above.trials == 0) above.reach = std::min(above.reach, below.seen_reach());
  const double unusual = below.trials + above.trials;
  if (unusual >= few || 2 * unusual > n) return;
  const Estimate less = below.mean(n, counted, level), more = above.mean(n, counted, level);
  const Estimate by_number{estimate.value, usual + more.lower - less.upper,
                           usual + more.upper - less.lower};
  // Where events are alike their number tells all.
  const bool alike =
      events.empty() && below.farthest <= below.nearest && above.farthest <= above.nearest;
  estimate.lower = alike ? by_number.lower : std::min(estimate.lower, by_number.lower);
  estimate.upper = alike ? by_number.upper : std::max(estimate.upper, by_number.upper);
}

/// values: trial_time / events.
Estimate between_events(std::span<const double> values, double trial_time, double level) {
  std::vector<double> events(values.size());  // or, where their time is not known, a multiple
  const double time = std::isnan(trial_time) ? 1 : trial_time;
  std::transform(values.begin(), values.end(), events.begin(), [&](double x) { return time / x; });
  const Estimate rate = mean_estimate(events, Support::count(), level);
  if (std::isnan(rate.value)) return {};
  const auto between = [&](double mean_events) { return time / mean_events; };
  if (std::isnan(trial_time)) return {between(rate.value), -infinity, infinity};
  return {between(rate.value), std::isinf(rate.upper) ? -infinity : between(rate.upper),
          rate.lower > 0 ? between(rate.lower) : infinity};
}

/// Of trials that answer, those with a 1.
Estimate share_of(std::span<const double> values, double level) {
  double held = 0, answers = 0;
  for (const double x : values)
    if (!std::isnan(x)) held += x, ++answers;
  return answers > 0 ? share_estimate(held, answers, level) : Estimate{};
}

}  // namespace

double student_quantile(double p, double freedom) {
  if (freedom < 1.5) return -elementary::cos_two_pi(p / 2) / elementary::sin_two_pi(p / 2);
  if (freedom < 2.5) {
    const double a = 2 * p - 1;
    return a * elementary::sqrt(2 / (1 - a * a));
  }
  const double z = elementary::normal_quantile(p), s = z * z, f = 1 / freedom;
  const double g1 = z * (s + 1) / 4;
  const double g2 = z * ((5 * s + 16) * s + 3) / 96;
  const double g3 = z * (((3 * s + 19) * s + 17) * s - 15) / 384;
  const double g4 = z * ((((79 * s + 776) * s + 1482) * s - 1920) * s - 945) / 92160;
  return z + f * (g1 + f * (g2 + f * (g3 + f * g4)));
}

Estimate widened(const Estimate& estimate, const Support& support) {
  if (support.within == 0) return estimate;
  return {estimate.value, estimate.lower - support.within * std::fabs(estimate.lower),
          estimate.upper + support.within * std::fabs(estimate.upper)};
}

Estimate mean_estimate(std::span<const double> values, Support support, double level,
                       std::span<const double> events) {
  if (support.between_events) return between_events(values, support.trial_time, level);
  if (support.whether) return share_of(values, level);
  Estimate estimate = skewed_estimate(values, level);
  if (!std::isfinite(estimate.lower) || !std::isfinite(estimate.upper)) return estimate;
  estimate = widened(estimate, support);
  if (support.events != Support::Events::none)
    widen_by_rare_events(estimate, values, support, level, events);
  estimate.lower = std::min(estimate.value, std::max(estimate.lower, support.least));
  estimate.upper = std::max(estimate.value, std::min(estimate.upper, support.most));
  return estimate;
}

std::vector<double> trial_means(std::span<const double> values, std::int64_t steps) {
  std::vector<double> means;
  const auto each = static_cast<std::size_t>(steps);
  for (std::size_t begin = 0; begin < values.size(); begin += each)
    means.push_back(mean(values.subspan(begin, each)));
  return means;
}

}  // namespace lockstep
