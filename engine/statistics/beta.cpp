#include "engine/statistics/beta.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

/// x^a (1 - x)^b / B(a, b).
double kernel(double a, double b, double x) {
  return elementary::exp(elementary::lgamma(a + b) - elementary::lgamma(a) - elementary::lgamma(b) +
                         a * elementary::log(x) + b * elementary::log1p(-x));
}

/// I_x(a, b) a / kernel for x below about a / (a + b), by W. J. Lentz's algorithm (Applied Optics
/// 15 (1976) 668).
double fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300, enough = 1e-15;
  constexpr int most = 100000;
  const auto away = [](double v) { return std::fabs(v) < tiny ? tiny : v; };
  double c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), result = d;
  for (int m = 1; m < most; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    result *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    result *= c * d;
    if (std::fabs(c * d - 1) < enough) break;
  }
  return result;
}

}  // namespace

double beta_cdf(double a, double b, double x) {
  if (!(x > 0)) return 0;
  if (!(x < 1)) return 1;
  if (x <= (a + 1) / (a + b + 2)) return kernel(a, b, x) * fraction(a, b, x) / a;
  return 1 - kernel(b, a, 1 - x) * fraction(b, a, 1 - x) / b;
}

double beta_quantile(double a, double b, double p) {
  constexpr int most = 200;
  constexpr double enough = 1e-13;
  double low = 0, high = 1, x = a / (a + b);
  for (int i = 0; i < most && high - low > enough * high; ++i) {
    const double miss = beta_cdf(a, b, x) - p;
    (miss < 0 ? low : high) = x;
    // d I / d log-odds = kernel.
    const double step = miss / kernel(a, b, x);
    double next = x / (x + (1 - x) * elementary::exp(std::clamp(step, -50.0, 50.0)));
    if (!(next > low && next < high)) next = (low + high) / 2;
    if (std::fabs(next - x) <= enough * x) return next;
    x = next;
  }
  return x;
}

Estimate share_estimate(double events, double trials, double level) {
  const double miss = (1 - level) / 2, rest = trials - events;
  return {events / trials, events > 0 ? beta_quantile(events, rest + 1, miss) : 0,
          rest > 0 ? beta_quantile(events + 1, rest, 1 - miss) : 1};
}

Estimate rate_estimate(double events, double trials, double level) {
  const double miss = (1 - level) / 2;
  return {events / trials, events > 0 ? elementary::gamma_p_inverse(events, miss) / trials : 0,
          elementary::gamma_p_inverse(events + 1, 1 - miss) / trials};
}

}  // namespace lockstep
