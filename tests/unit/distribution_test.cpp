#include "engine/base/distribution.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/any_purpose.hpp"
#include "tests/unit/csv_folder.hpp"

namespace lockstep {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double phi(double z) {
  return std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
}
double cap_phi(double z) {
  return std::erfc(-z / std::numbers::sqrt2) / 2;
}

/// A law, and what textbooks say of it, written apart from the engine.
struct Case {
  std::string kind;
  std::string text;
  Dimension dimension;
  std::function<double(double)> cdf;
  double mean;
  double variance;
  std::string canonical;
  /// A law that jumps has no continuous CDF: its values are the bins.
  std::vector<double> atoms = {};
  /// What the canonical text does not tell: the empirical law's hash.
  bool parses_again = true;
};

/// Gamma law of whole shape k: one minus a Poisson sum.
double erlang_cdf(int k, double x) {
  if (x <= 0) return 0;
  double term = 1, sum = 1;
  for (int i = 1; i < k; ++i) sum += term *= x / i;
  return 1 - std::exp(-x) * sum;
}

/// Gamma law of shape 1/2: the square of a normal number, halved.
double half_gamma_cdf(double x) {
  return x > 0 ? std::erf(std::sqrt(x)) : 0;
}

double exponential_cdf(double mean, double x) {
  return x > 0 ? 1 - std::exp(-x / mean) : 0;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  all.push_back({"constant",
                 "constant(5us)",
                 Dimension::time,
                 nullptr,
                 5e-6,
                 0,
                 "constant(value=5e-06s)",
                 {5e-6}});
  all.push_back(
      {"constant", "constant(value=3)", Dimension::none, nullptr, 3, 0, "constant(value=3)", {3}});
  all.push_back({"uniform", "uniform(high=3ms, low=1ms)", Dimension::time,
                 [](double x) { return std::clamp((x - 1e-3) / 2e-3, 0.0, 1.0); }, 2e-3, 4e-6 / 12,
                 "uniform(low=0.001s, high=0.003s)"});
  all.push_back({"exponential", "exponential(mean=1ms)", Dimension::time,
                 [](double x) { return exponential_cdf(1e-3, x); }, 1e-3, 1e-6,
                 "exponential(mean=0.001s)"});
  all.push_back({"normal", "normal(mean=10, sd=1)", Dimension::none,
                 [](double x) { return cap_phi(x - 10); }, 10, 1, "normal(mean=10, sd=1)"});
  {
    // Half of a normal law, and one cut at one standard deviation.
    all.push_back({"normal", "normal(mean=0, sd=2)", Dimension::none,
                   [](double x) { return x > 0 ? std::erf(x / 2 / std::numbers::sqrt2) : 0; },
                   2 * std::sqrt(2 / std::numbers::pi), 4 * (1 - 2 / std::numbers::pi),
                   "normal(mean=0, sd=2)"});
    const double cut = cap_phi(-1), h = phi(1) / cap_phi(1);
    all.push_back(
        {"normal", "normal(mean=3us, sd=3us)", Dimension::time,
         [cut](double x) { return x > 0 ? (cap_phi((x - 3e-6) / 3e-6) - cut) / (1 - cut) : 0; },
         3e-6 * (1 + h), 9e-12 * (1 - h - h * h), "normal(mean=3e-06s, sd=3e-06s)"});
  }
  all.push_back({"lognormal", "lognormal(median=5us, sigma=0.3)", Dimension::time,
                 [](double x) { return x > 0 ? cap_phi(std::log(x / 5e-6) / 0.3) : 0; },
                 5e-6 * std::exp(0.045), 25e-12 * std::exp(0.09) * std::expm1(0.09),
                 "lognormal(median=5e-06s, sigma=0.3)"});
  all.push_back({"lognormal", "lognormal(sigma=1.5, mean=2)", Dimension::none,
                 [](double x) { return x > 0 ? cap_phi((std::log(x / 2) + 1.125) / 1.5) : 0; }, 2,
                 4 * std::expm1(2.25), "lognormal(mean=2, sigma=1.5)"});
  all.push_back({"gamma", "gamma(mean=2s, shape=3)", Dimension::time,
                 [](double x) { return erlang_cdf(3, x * 1.5); }, 2, 4.0 / 3,
                 "gamma(mean=2s, shape=3)"});
  all.push_back({"gamma", "gamma(mean=1, shape=0.5)", Dimension::none,
                 [](double x) { return half_gamma_cdf(x / 2); }, 1, 2, "gamma(mean=1, shape=0.5)"});
  all.push_back({"weibull", "weibull(scale=2h, shape=0.7)", Dimension::time,
                 [](double x) { return x > 0 ? -std::expm1(-std::pow(x / 7200, 0.7)) : 0; },
                 7200 * std::tgamma(1 + 1 / 0.7),
                 7200.0 * 7200 * (std::tgamma(1 + 2 / 0.7) - std::pow(std::tgamma(1 + 1 / 0.7), 2)),
                 "weibull(scale=7200s, shape=0.7)"});
  all.push_back({"weibull", "weibull(scale=1, shape=8)", Dimension::none,
                 [](double x) { return x > 0 ? -std::expm1(-std::pow(x, 8)) : 0; },
                 std::tgamma(1.125), std::tgamma(1.25) - std::pow(std::tgamma(1.125), 2),
                 "weibull(scale=1, shape=8)"});
  all.push_back({"pareto", "pareto(minimum=1us, shape=2.5)", Dimension::time,
                 [](double x) { return x > 1e-6 ? 1 - std::pow(x / 1e-6, -2.5) : 0; }, 2.5e-6 / 1.5,
                 1e-12 * 2.5 / (2.25 * 0.5), "pareto(minimum=1e-06s, shape=2.5)"});
  all.push_back({"pareto", "pareto(minimum=1, shape=0.9)", Dimension::none,
                 [](double x) { return x > 1 ? 1 - std::pow(x, -0.9) : 0; }, infinity, infinity,
                 "pareto(minimum=1, shape=0.9)"});
  all.push_back({"pareto", "pareto(minimum=1, shape=1.5)", Dimension::none,
                 [](double x) { return x > 1 ? 1 - std::pow(x, -1.5) : 0; }, 3, infinity,
                 "pareto(minimum=1, shape=1.5)"});
  // Variance: within parts 0.7 + 0.3 * 25/12 ..., and between them.
  all.push_back({"mixture", "mixture(7: exponential(1), 3: uniform(low=5, high=10))",
                 Dimension::none,
                 [](double x) {
                   return 0.7 * exponential_cdf(1, x) + 0.3 * std::clamp((x - 5) / 5, 0.0, 1.0);
                 },
                 0.7 + 0.3 * 7.5, 0.7 * 1 + 0.3 * 25 / 12 + 0.7 * 0.3 * 6.5 * 6.5,
                 "mixture(7: exponential(mean=1), 3: uniform(low=5, high=10))"});
  all.push_back({"mixture", "mixture(0.75: none, 0.25: constant(2))", Dimension::none, nullptr, 0.5,
                 0.75, "mixture(0.75: none, 0.25: constant(value=2))"});
  all.back().atoms = {0, 0, 0, 2};
  all.push_back({"empirical",
                 "empirical(delays.csv)",
                 Dimension::time,
                 nullptr,
                 2e-6,
                 0.5e-12,
                 "empirical(sha256=",
                 {1e-6, 2e-6, 2e-6, 3e-6},
                 false});
  all.push_back({"empirical",
                 "empirical(\"bare.csv\")",
                 Dimension::none,
                 nullptr,
                 1,
                 0.25,
                 "empirical(sha256=",
                 {0.5, 1.5},
                 false});
  return all;
}

Distribution parse(const Case& c) {
  return Distribution::parse(c.text, c.dimension, csv_folder());
}

/// Upper 1e-6 point of the chi-square law by Wilson and Hilferty: its error at these degrees of
/// freedom is below 1 % of the excess, in the level below a factor of 1.3.
double chi_square_limit(int degrees) {
  constexpr double z = 4.753424308822899;
  const double h = 2.0 / (9 * degrees);
  return degrees * std::pow(1 - h + z * std::sqrt(h), 3);
}

struct Fit {
  double chi_square;
  double limit;
  std::size_t samples;
};

/// Chi-square test of `draw(u)` against the case's law at level 1e-6, in 64 bins of equal
/// probability (found by bisection of the independent CDF), or on the atoms.
Fit goodness_of_fit(const Case& c, const std::function<double(double)>& draw) {
  constexpr std::size_t samples = 200000;
  const Stream stream{.seed = 12345, .purpose = any_purpose, .trial = 1};
  std::vector<double> edges;  // the upper ends of all bins but the last
  std::vector<double> expected;
  if (c.cdf != nullptr) {
    constexpr int bins = 64;
    for (int i = 1; i < bins; ++i) {
      double low = 0, high = 1e30;
      for (int step = 0; step < 300; ++step) {
        const double middle = low > 0 ? std::sqrt(low) * std::sqrt(high) : high * 1e-6;
        const bool reached = c.cdf(middle) >= static_cast<double>(i) / bins;
        (reached ? high : low) = middle;
        if (low == 0 && high < 1e-200) break;
      }
      edges.push_back(high);
    }
    double before = 0;
    for (const double edge : edges) {
      expected.push_back((c.cdf(edge) - before) * samples);
      before = c.cdf(edge);
    }
    expected.push_back((1 - before) * samples);
  } else {
    for (const double atom : c.atoms) {
      if (!edges.empty() && edges.back() == atom) {
        expected.back() += static_cast<double>(samples) / c.atoms.size();
      } else {
        edges.push_back(atom);
        expected.push_back(static_cast<double>(samples) / c.atoms.size());
      }
    }
    // The last bin, above every atom, must stay empty.
    expected.push_back(0);
  }
  std::vector<double> seen(edges.size() + 1, 0.0);
  for (std::size_t i = 0; i < samples; ++i) {
    const double x = draw(stream.uniform(i, 0));
    ++seen[std::lower_bound(edges.begin(), edges.end(), x) - edges.begin()];
  }
  Fit fit{0, 0, samples};
  int bins = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (expected[i] == 0) {
      if (seen[i] > 0) fit.chi_square = infinity;
      continue;
    }
    ++bins;
    fit.chi_square += (seen[i] - expected[i]) * (seen[i] - expected[i]) / expected[i];
  }
  fit.limit = bins > 1 ? chi_square_limit(bins - 1) : 1e-9;
  return fit;
}

TEST(Distribution, EveryKindIsTested) {
  std::set<std::string> tested, known;
  for (const Case& c : cases()) tested.insert(c.kind);
  for (const DistributionKind& kind : distribution_kinds()) {
    known.insert(std::string(kind.name));
    EXPECT_FALSE(kind.summary.empty());
    EXPECT_FALSE(kind.source.empty());
    EXPECT_NE(kind.make == nullptr, kind.read == nullptr) << kind.name;
    EXPECT_EQ(kind.make == nullptr, kind.signatures.empty()) << kind.name;
  }
  EXPECT_EQ(tested, known);
  EXPECT_EQ(known.size(), distribution_kinds().size());
}

TEST(Distribution, SamplesFollowTheLaw) {
  for (const Case& c : cases()) {
    const Distribution law = parse(c);
    const Fit fit = goodness_of_fit(c, [&](double u) { return law.sample(u); });
    EXPECT_LT(fit.chi_square, fit.limit) << c.text << ", seed 12345, n " << fit.samples;
  }
}

TEST(Distribution, QuantilesFollowTheLaw) {
  for (const Case& c : cases()) {
    const Distribution law = parse(c);
    const Fit fit = goodness_of_fit(c, [&](double u) { return law.quantile(u); });
    EXPECT_LT(fit.chi_square, fit.limit) << c.text << ", seed 12345, n " << fit.samples;
  }
}

TEST(Distribution, ABiasedSamplerIsRejected) {
  for (const Case& c : cases()) {
    const Distribution law = parse(c);
    // A law with a density: 3 % of the mass moved from the upper to the lower half. Atoms: all
    // values 1 % too large.
    const Fit fit = goodness_of_fit(c, [&](double u) {
      if (c.cdf == nullptr) return 1.01 * law.sample(u) + (law.is_none() ? 1 : 0);
      return law.sample(u > 0.97 ? u - 0.97 + 0x1p-53 : u);
    });
    EXPECT_GT(fit.chi_square, fit.limit) << c.text;
  }
}

/// Integral over u of f(quantile(u)): the substitution u = s^4 (35 - 84 s + 70 s^2 - 20 s^3)
/// flattens both ends, where the quantile may be infinite; midpoint rule.
double quadrature(const Distribution& law, const std::function<double(double)>& f) {
  constexpr int steps = 100000;
  double sum = 0;
  for (int i = 0; i < steps; ++i) {
    const double s = (i + 0.5) / steps;
    const double t = 1 - s;
    const double u = s * s * s * s * (35 - 84 * s + 70 * s * s - 20 * s * s * s);
    const double weight = 140 * s * s * s * t * t * t;
    sum += f(law.quantile(std::clamp(u, 0x1p-53, 1 - 0x1p-53))) * weight;
  }
  return sum / steps;
}

TEST(Distribution, MomentsAreThoseOfTheTextbook) {
  for (const Case& c : cases()) {
    const Distribution law = parse(c);
    if (std::isinf(c.mean)) {
      EXPECT_EQ(law.mean(), infinity) << c.text;
    } else {
      EXPECT_NEAR(law.mean() / c.mean, 1, 1e-13) << c.text;
    }
    if (std::isinf(c.variance) || c.variance == 0) {
      EXPECT_EQ(law.variance(), c.variance) << c.text;
    } else {
      EXPECT_NEAR(law.variance() / c.variance, 1, 1e-11) << c.text;
    }
  }
}

TEST(Distribution, MomentsAreThoseOfTheQuantile) {
  int compared = 0;
  for (const Case& c : cases()) {
    // Jumps and heavy tails are not for this rule; the textbook covers them.
    if (c.cdf == nullptr || c.kind == "pareto" || c.kind == "mixture") continue;
    const Distribution law = parse(c);
    const double mean = quadrature(law, [](double x) { return x; });
    const double variance =
        quadrature(law, [&](double x) { return (x - law.mean()) * (x - law.mean()); });
    EXPECT_NEAR(mean / law.mean(), 1, 1e-6) << c.text;
    EXPECT_NEAR(variance / law.variance(), 1, 1e-4) << c.text;
    ++compared;
  }
  EXPECT_GE(compared, 11);
}

TEST(Distribution, NarrowLawsKeepTheirVariance) {
  // pi^2 / 6 / shape^2 to first order in 1 / shape (Gumbel limit); -2.6 is the next coefficient.
  const Distribution narrow = Distribution::parse("weibull(scale=1, shape=1e6)", Dimension::none);
  EXPECT_NEAR(narrow.variance() * 1e12 / (std::numbers::pi * std::numbers::pi / 6), 1, 1e-5);
}

TEST(Distribution, QuantileIsMonotoneAndInvertsTheCdf) {
  for (const Case& c : cases()) {
    const Distribution law = parse(c);
    double last = 0;
    for (int i = 0; i <= 2000; ++i) {
      const double u = std::clamp(i / 2000.0, 0x1p-53, 1 - 0x1p-53);
      const double x = law.quantile(u);
      EXPECT_GE(x, last * (1 - 1e-13)) << c.text << " at " << u;
      last = x;
      if (c.cdf == nullptr) {
        // The least value whose distribution function reaches u.
        EXPECT_GE(law.cdf(x), u) << c.text;
        EXPECT_LE(law.cdf(std::nextafter(x, -1.0)), u) << c.text;
      } else {
        EXPECT_NEAR(law.cdf(x), u, 1e-12) << c.text;
        EXPECT_NEAR(c.cdf(x), u, 1e-12) << c.text;
      }
    }
    EXPECT_EQ(law.cdf(-1), 0.0) << c.text;
  }
}

TEST(Distribution, CanonicalTextReadsBackAsTheSameLaw) {
  for (const Case& c : cases()) {
    const Distribution law = parse(c);
    if (!c.parses_again) {
      EXPECT_TRUE(law.text().starts_with(c.canonical)) << law.text();
      EXPECT_EQ(law.text().size(), c.canonical.size() + 65) << law.text();
      continue;
    }
    EXPECT_EQ(law.text(), c.canonical);
    const Distribution again = Distribution::parse(law.text(), c.dimension);
    EXPECT_EQ(again.text(), law.text());
    for (const double u : {1e-9, 0.3, 0.5, 0.999}) EXPECT_EQ(again.sample(u), law.sample(u));
  }
}

}  // namespace
}  // namespace lockstep
