#include "engine/base/elementary.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/any_purpose.hpp"

// x87 long double (64-bit significand) is the reference: 11 bits beyond a double.
static_assert(std::numeric_limits<long double>::digits >= 64);

namespace lockstep {
namespace {

using Real = long double;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr Real pi = 3.14159265358979323846264338327950288L;

/// Distance from `reference` in units of its last place as a double.
double ulps(double value, Real reference) {
  if (static_cast<Real>(value) == reference) return 0;
  int exponent = 0;
  std::frexp(reference, &exponent);
  const int unit = std::max(exponent - 53, -1074);
  return static_cast<double>(std::fabs(std::ldexp(static_cast<Real>(value) - reference, -unit)));
}

double relative(double value, Real reference) {
  return static_cast<double>(std::fabs((static_cast<Real>(value) - reference) / reference));
}

/// Uniform in (low, high), a function of i.
double between(double low, double high, std::uint32_t i) {
  const Stream stream{.seed = 20240117, .purpose = any_purpose, .trial = 0};
  return low + (high - low) * stream.uniform(0, i);
}

/// The worst of `error` over `points`, which must be many.
template <class Error>
double worst(const std::vector<double>& points, Error error) {
  EXPECT_GT(points.size(), 1000u);
  double most = 0;
  for (const double x : points) {
    const double e = error(x);
    EXPECT_FALSE(std::isnan(e)) << "at " << x;
    most = std::max(most, e);
  }
  return most;
}

constexpr std::uint32_t dense = 400000;

std::vector<double> uniform_points(double low, double high) {
  std::vector<double> points;
  for (std::uint32_t i = 0; i < dense; ++i) points.push_back(between(low, high, i));
  return points;
}

/// Equal density in the exponent: every binade, subnormals too.
std::vector<double> positive_points(double low = 5e-324, double high = 1.797e308) {
  std::vector<double> points{low, high};
  const auto first = std::bit_cast<std::uint64_t>(low);
  const auto last = std::bit_cast<std::uint64_t>(high);
  for (std::uint32_t i = 0; i < dense; ++i) {
    const double u = between(0, 1, i);
    points.push_back(std::bit_cast<double>(
        first + static_cast<std::uint64_t>(u * static_cast<double>(last - first))));
  }
  return points;
}

std::vector<double> signed_points(double low, double high) {
  std::vector<double> points = positive_points(low, high);
  for (std::size_t i = 0; i < points.size(); i += 2) points[i] = -points[i];
  return points;
}

void append(std::vector<double>& to, const std::vector<double>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

TEST(Elementary, LogKeepsItsBound) {
  std::vector<double> points = positive_points();
  append(points, uniform_points(0.4, 2.5));
  append(points, uniform_points(1 - 1e-6, 1 + 1e-6));
  EXPECT_LT(worst(points, [](double x) { return ulps(elementary::log(x), std::log(Real{x})); }),
            1.0);
}

TEST(Elementary, Log1pKeepsItsBound) {
  std::vector<double> points = positive_points();
  append(points, signed_points(5e-324, 0.999));
  append(points, uniform_points(-1, 3));
  EXPECT_LT(worst(points, [](double x) { return ulps(elementary::log1p(x), std::log1p(Real{x})); }),
            1.0);
}

TEST(Elementary, ExpKeepsItsBound) {
  std::vector<double> points = uniform_points(-708.39, 709.782712893384);
  append(points, uniform_points(-1, 1));
  append(points, signed_points(5e-324, 700));
  const auto error = [](double x) { return ulps(elementary::exp(x), std::exp(Real{x})); };
  EXPECT_LT(worst(points, error), 1.0);
  EXPECT_LE(worst(uniform_points(-745.13, -708.39), error), 1.0) << "subnormal results";
}

TEST(Elementary, Expm1KeepsItsBound) {
  std::vector<double> points = uniform_points(-45, 709.782712893384);
  append(points, uniform_points(-2, 2));
  append(points, signed_points(5e-324, 40));
  EXPECT_LT(worst(points, [](double x) { return ulps(elementary::expm1(x), std::expm1(Real{x})); }),
            2.0);
}

TEST(Elementary, PowKeepsItsBound) {
  std::vector<double> points = positive_points();
  append(points, uniform_points(0.4, 2.5));
  std::uint32_t i = 0;
  int normal = 0;
  const auto share = [&](double x) {
    // Exponents that spread y log x over the whole range of results, and those of a quantile.
    const double power = between(-708, 709, i++);
    const double y = i % 2 == 0 ? power / std::log(x) : power / 100;
    const Real expected = std::pow(Real{x}, Real{y});
    if (!(expected >= 0x1p-1022L && expected < 0x1.fffffffffffffp1023L)) return 0.0;
    ++normal;
    const double exponent = static_cast<double>(std::fabs(std::log(expected)));
    return ulps(elementary::pow(x, y), expected) / (1 + exponent / 16);
  };
  EXPECT_LT(worst(points, share), 1.0);
  EXPECT_GT(normal, 400000);
}

TEST(Elementary, SineAndCosineOfTurnsKeepTheirBound) {
  std::vector<double> points = uniform_points(-3, 3);
  append(points, uniform_points(-1e6, 1e6));
  append(points, signed_points(1e-300, 0.5));
  for (const double u : {0.0, 0.25, 0.5, 0.75, 1.0, 12345.25}) points.push_back(u);
  // Exact reduction to an eighth of a turn, independent of the implementation's.
  const auto reduced = [](double u, int* quarter) {
    const Real turns = Real{u} - std::floor(Real{u});
    *quarter = static_cast<int>(std::lround(static_cast<double>(4 * turns))) % 4;
    return 2 * pi * (turns - std::round(4 * turns) / 4);
  };
  const auto sine = [&](double u) {
    int quarter = 0;
    const Real x = u > -0.125 && u < 0.125 ? 2 * pi * Real{u} : reduced(u, &quarter);
    const Real choices[] = {std::sin(x), std::cos(x), -std::sin(x), -std::cos(x)};
    return ulps(elementary::sin_two_pi(u), choices[quarter]);
  };
  const auto cosine = [&](double u) {
    int quarter = 0;
    const Real x = reduced(u, &quarter);
    const Real choices[] = {std::cos(x), -std::sin(x), -std::cos(x), std::sin(x)};
    return ulps(elementary::cos_two_pi(u), choices[quarter]);
  };
  EXPECT_LT(worst(points, sine), 2.0);
  EXPECT_LT(worst(points, cosine), 2.0);
}

/// Newton on the complementary error function, in extended precision.
Real reference_quantile(double p) {
  const bool low = p < 0.5;
  const Real tail = low ? Real{p} : 1 - Real{p};
  Real z = std::fabs(elementary::normal_quantile(p));
  for (int i = 0; i < 3; ++i) {
    const Real density = std::exp(-z * z / 2) / std::sqrt(2 * pi);
    z += (std::erfc(z / std::sqrt(Real{2})) / 2 - tail) / density;
  }
  return low ? -z : z;
}

TEST(Elementary, NormalQuantileKeepsItsBound) {
  std::vector<double> points = positive_points(1e-300, 0.5);
  append(points, uniform_points(0x1p-53, 1 - 0x1p-53));
  append(points, uniform_points(0.5 - 1e-6, 0.5 + 1e-6));
  for (const double tail : {0x1p-53, 1e-12, 1.4e-11, 0.075}) points.push_back(1 - tail);
  const auto error = [](double p) {
    // Next to 1/2 the reference cancels; there the quantile is linear.
    const double q = p - 0.5;
    if (std::fabs(q) < 1e-3) {
      const Real slope = std::sqrt(2 * pi);
      const Real series = slope * q * (1 + 2 * pi * Real{q} * Real{q} / 6);
      return q == 0 ? std::fabs(elementary::normal_quantile(p))
                    : std::max(0.0, relative(elementary::normal_quantile(p), series) - 2e-11);
    }
    return relative(elementary::normal_quantile(p), reference_quantile(p));
  };
  EXPECT_LT(worst(points, error), 1e-15);
}

TEST(Elementary, NormalCdfKeepsItsBound) {
  std::vector<double> points = uniform_points(-37, 9);
  append(points, signed_points(1e-300, 8));
  const auto error = [](double x) {
    return relative(elementary::normal_cdf(x), std::erfc(-Real{x} / std::sqrt(Real{2})) / 2);
  };
  EXPECT_LT(worst(points, error), 2e-13);
  EXPECT_EQ(elementary::normal_cdf(-infinity), 0.0);
  EXPECT_EQ(elementary::normal_cdf(infinity), 1.0);
}

TEST(Elementary, LgammaKeepsItsBound) {
  std::vector<double> points = positive_points(1e-300, 1e300);
  append(points, uniform_points(0, 12));
  append(points, uniform_points(1 - 1e-3, 1 + 1e-3));
  append(points, uniform_points(2 - 1e-3, 2 + 1e-3));
  EXPECT_LT(
      worst(points, [](double x) { return relative(elementary::lgamma(x), std::lgamma(Real{x})); }),
      2e-15);
  EXPECT_EQ(elementary::lgamma(1), 0.0);
  EXPECT_EQ(elementary::lgamma(2), 0.0);
}

/// P or Q by Simpson's rule on the density in log x, far from the implementation's series.
Real reference_tail(double a, double x, bool lower) {
  const auto density = [&](Real t) {
    return std::exp(Real{a} * t - std::exp(t) - std::lgamma(Real{a}));
  };
  // Below `start` the density is e^(a t) / Gamma(a) where it is not negligible; above `end` it is.
  const Real top = std::log(Real{x});
  const Real start =
      lower ? std::max(top - 14 / std::sqrt(Real{a}) - 80 / Real{a}, Real{-45}) : top;
  const Real end = lower ? top : std::log(Real{x} + 60 + 12 * std::sqrt(Real{a}));
  Real sum = lower ? density(start) / a : 0;
  constexpr int steps = 40000;
  const Real h = (end - start) / steps;
  for (int i = 0; i <= steps; ++i) {
    const int weight = i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2;
    sum += weight * h / 3 * density(start + i * h);
  }
  return sum;
}

TEST(Elementary, GammaTailsEqualQuadrature) {
  int cases = 0;
  for (const double a : {0.05, 0.5, 1.0, 2.5, 9.9, 10.0, 100.0, 999.0, 1001.0, 20000.0}) {
    for (const double z : {-5.0, -2.0, -0.3, 0.0, 0.3, 2.0, 5.0}) {
      const double x = std::max(a + z * std::sqrt(a), 0.02 * a);
      const elementary::GammaTails tails = elementary::gamma_tails(a, x);
      EXPECT_LT(relative(tails.lower, reference_tail(a, x, true)), 1e-12) << a << " " << x;
      EXPECT_LT(relative(tails.upper, reference_tail(a, x, false)), 1e-12) << a << " " << x;
      ++cases;
    }
  }
  EXPECT_EQ(cases, 70);
}

TEST(Elementary, GammaInverseInverts) {
  int cases = 0;
  for (const double a : {0.01, 0.3, 1.0, 7.0, 400.0, 1e3 + 1, 1e5, 1e6}) {
    double last = 0;
    for (const double p : {0x1p-53, 1e-9, 0.01, 0.3, 0.5, 0.7, 0.99, 1 - 1e-9, 1 - 0x1p-53}) {
      const double x = elementary::gamma_p_inverse(a, p);
      EXPECT_GE(x, last);
      last = x;
      if (x < 1e-300) continue;
      const elementary::GammaTails tails = elementary::gamma_tails(a, x);
      // A relative error e of x moves the tail by e x density / tail.
      const double tail = std::min(p, 1 - p);
      const double reached = p <= 0.5 ? tails.lower : tails.upper;
      const double hazard = std::exp(a * std::log(x) - x - std::lgamma(a)) / tail;
      EXPECT_LT(std::fabs(reached / tail - 1) / std::max(hazard, 1.0), 1e-12) << a << " " << p;
      ++cases;
    }
  }
  EXPECT_GT(cases, 65);
  EXPECT_EQ(elementary::gamma_p_inverse(2, 0), 0.0);
  EXPECT_EQ(elementary::gamma_p_inverse(2, 1), infinity);
}

TEST(Elementary, SpecialValues) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  struct Case {
    std::string what;
    double value;
    double expected;
  };
  namespace e = elementary;
  const Case cases[] = {
      {"log 0", e::log(0), -infinity},
      {"log inf", e::log(infinity), infinity},
      {"log -1", e::log(-1), nan},
      {"log nan", e::log(nan), nan},
      {"log 1", e::log(1), 0},
      {"log1p -1", e::log1p(-1), -infinity},
      {"log1p inf", e::log1p(infinity), infinity},
      {"log1p -2", e::log1p(-2), nan},
      {"log1p subnormal", e::log1p(5e-324), 5e-324},
      {"exp 0", e::exp(0), 1},
      {"exp inf", e::exp(infinity), infinity},
      {"exp -inf", e::exp(-infinity), 0},
      {"exp over", e::exp(709.7828), infinity},
      {"exp under", e::exp(-745.134), 0},
      {"exp nan", e::exp(nan), nan},
      {"expm1 subnormal", e::expm1(5e-324), 5e-324},
      {"expm1 -inf", e::expm1(-infinity), -1},
      {"expm1 inf", e::expm1(infinity), infinity},
      {"0^0", e::pow(0, 0), 1},
      {"inf^0", e::pow(infinity, 0), 1},
      {"0^2", e::pow(0, 2), 0},
      {"0^-2", e::pow(0, -2), infinity},
      {"inf^2", e::pow(infinity, 2), infinity},
      {"inf^-2", e::pow(infinity, -2), 0},
      {"2^inf", e::pow(2, infinity), infinity},
      {"2^-inf", e::pow(2, -infinity), 0},
      {"1^inf", e::pow(1, infinity), 1},
      {"(-1)^2", e::pow(-1, 2), nan},
      {"2^nan", e::pow(2, nan), nan},
      {"2^10", e::pow(2, 10), 1024},
      {"sin 1/4", e::sin_two_pi(0.25), 1},
      {"sin 1/2", e::sin_two_pi(0.5), 0},
      {"cos 1/2", e::cos_two_pi(0.5), -1},
      {"cos 1/4", e::cos_two_pi(0.25), 0},
      {"quantile 0", e::normal_quantile(0), -infinity},
      {"quantile 1", e::normal_quantile(1), infinity},
      {"quantile 1/2", e::normal_quantile(0.5), 0},
      {"quantile 2", e::normal_quantile(2), nan},
      {"lgamma 0", e::lgamma(0), infinity},
      {"lgamma inf", e::lgamma(infinity), infinity},
      {"lgamma -1", e::lgamma(-1), nan},
      {"P(2, 0)", e::gamma_p(2, 0), 0},
      {"P(2, inf)", e::gamma_p(2, infinity), 1},
  };
  for (const Case& c : cases) {
    if (std::isnan(c.expected)) {
      EXPECT_TRUE(std::isnan(c.value)) << c.what;
    } else {
      EXPECT_EQ(c.value, c.expected) << c.what;
    }
  }
}

}  // namespace
}  // namespace lockstep
