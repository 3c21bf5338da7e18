#include "engine/training/group_law.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

constexpr double most_kurtosis_error = 1e-4, most_delay = 1e-4;  // the latter in deviations

/// Cumulants of a weight times a lognormal of mean 1.
struct Cumulants {
  double second = 0, third = 0, fourth = 0;

  /// `variance` is that of the lognormal itself.
  static Cumulants of(double weight, double variance) {
    const double square = variance * variance, w = weight * weight;
    return {w * variance, w * weight * square * (variance + 3),
            w * w * square * excess_kurtosis(variance)};
  }
  static double excess_kurtosis(double variance) {
    return variance * (16 + variance * (15 + variance * (6 + variance)));
  }
  Cumulants times(double n) const { return {n * second, n * third, n * fourth}; }
  Cumulants operator+(const Cumulants& other) const {
    return {second + other.second, third + other.third, fourth + other.fourth};
  }
};

/// y with (y^2 + 3) y = skewness: y^2 is the variance of a lognormal of mean 1 that is so skewed.
double lognormal_deviation(double skewness) {
  double y = skewness / 3;  // from above: the cubic is convex
  for (int i = 0; i < 60; ++i) {
    const double next = y - (y * (y * y + 3) - skewness) / (3 * y * y + 3);
    if (!(next < y)) break;
    y = next;
  }
  return y;
}

/// E[max(deviation Z - ahead, 0)].
double mean_beyond(double ahead, double deviation) {
  constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;
  if (deviation == 0) return std::max(0.0, -ahead);
  const double t = ahead / deviation;
  return deviation *
         (inverse_sqrt_two_pi * elementary::exp(-0.5 * t * t) - t * elementary::normal_cdf(-t));
}

/// How far ahead of `n` others a group must be, so that they delay it by at most `delay`.
double needed_lead(double n, double deviation, double delay) {
  double low = 0, high = 40 * deviation;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (n * mean_beyond(middle, deviation) > delay ? low : high) = middle;
  }
  return high;
}

/// E[exp(b z - b^2 / 2); z < edge] = Phi(edge - b), of its square exp(b^2) Phi(edge - 2 b).
void set_unflagged(GroupLaw::Value& value) {
  const double b = value.bend, keep = 1 - flagged_share;
  const double first = elementary::normal_cdf(flag_edge - b) / keep;
  const double second = elementary::exp(b * b) * elementary::normal_cdf(flag_edge - 2 * b) / keep;
  value.unflagged_mean = value.scale * (first - 1);
  value.unflagged_variance = value.scale * value.scale * std::max(0.0, second - first * first);
}

GroupLaw::Value law(const SynchronizationCost::Value& cost, double chips, double of_one) {
  const double others = chips - 1;
  const double other_share = others > 0 ? (1 - cost.share) / others : 0;
  const double of_residual = elementary::expm1(cost.residual * cost.residual);
  const Cumulants own = Cumulants::of(cost.share, of_one),
                  other = Cumulants::of(other_share, of_one),
                  left = Cumulants::of(1 + cost.excess, of_residual);
  const Cumulants all = own + other.times(others) + left;
  GroupLaw::Value value{.excess = cost.excess, .share = cost.share, .variance = all.second};
  if (all.second > 1e-200) {
    const double deviation = elementary::sqrt(all.second);
    const double y = lognormal_deviation(all.third / (all.second * deviation));
    value.scale = deviation / y;
    value.bend = elementary::sqrt(elementary::log1p(y * y));
    set_unflagged(value);
    const double error = all.fourth / (all.second * all.second) - Cumulants::excess_kurtosis(y * y);
    if (!(std::fabs(error) < most_kurtosis_error)) return value;
  }
  // What its slowest chip's own compute delays it by, and then each other one's.
  const double most = most_delay * elementary::sqrt(all.second);
  const double not_shared = (1 - cost.share) * (1 - cost.share) * of_one;
  if (others > 0 && mean_beyond(cost.excess, elementary::sqrt(not_shared + other.second * others +
                                                              left.second)) > most)
    return value;
  value.second_most =
      1 + cost.excess - needed_lead(others, elementary::sqrt(of_one + all.second), most);
  return value;
}

}  // namespace

GroupLaw::GroupLaw(const SynchronizationCost& cost, std::int64_t chips, double step_jitter)
    : cost_(cost) {
  const double of_one = elementary::expm1(step_jitter * step_jitter);
  const auto n = static_cast<double>(chips);
  if (chips == 1) table_.push_back(law({}, n, of_one));
  for (const SynchronizationCost::Value& point : cost.table())
    table_.push_back(law(point, n, of_one));
}

GroupLaw::Value GroupLaw::at(double q) const {
  if (table_.empty()) return {};
  if (table_.size() == 1) return table_.front();
  const auto place = cost_.place(q);
  const Value& here = table_[place.point];
  if (place.past == 0) return here;
  const Value& next = table_[place.point + 1];
  const auto between = [&](double Value::*part) {
    return here.*part + place.past * (next.*part - here.*part);
  };
  return {between(&Value::excess),
          between(&Value::scale),
          between(&Value::bend),
          between(&Value::share),
          between(&Value::variance),
          between(&Value::unflagged_mean),
          between(&Value::unflagged_variance),
          std::min(here.second_most, next.second_most)};
}

}  // namespace lockstep
