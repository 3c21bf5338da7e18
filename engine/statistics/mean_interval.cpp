#include "engine/statistics/mean_interval.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The sign of x kept.
double cube_root(double x) {
  return std::copysign(elementary::pow(std::fabs(x), 1.0 / 3), x);
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

Estimate mean_estimate(std::span<const double> values, double level) {
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

std::vector<double> trial_means(std::span<const double> values, std::int64_t steps) {
  std::vector<double> means;
  const auto each = static_cast<std::size_t>(steps);
  for (std::size_t begin = 0; begin < values.size(); begin += each)
    means.push_back(mean(values.subspan(begin, each)));
  return means;
}

}  // namespace lockstep
