// Intervals of shares and of how an output depends on an input: they cover, and are no wider than
// due.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/sensitivity.hpp"
#include "tests/validation/coverage_case.hpp"

namespace lockstep {
namespace {

constexpr int studies = COVERAGE_STUDIES;

double gauss(std::uint32_t study, std::uint64_t trial, std::uint32_t number) {
  const Stream stream{.seed = 99, .purpose = Purpose{200}, .trial = study};
  return elementary::normal_quantile(stream.uniform(trial, number));
}

/// Normal input and output of a given correlation. The bins of the input explain a little less
/// than its square: `explained`, from the bins' own means.
struct Dependence {
  double correlation;
  int trials;

  double explained() const {
    const int bins = std::clamp(static_cast<int>(std::sqrt(trials) / 2), 3, 20);
    double between = 0;
    for (int b = 0; b < bins; ++b) {
      const auto density = [](double p) {
        const double z = elementary::normal_quantile(p);
        return std::isinf(z) ? 0 : std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0));
      };
      const double mean = bins * (density(b / double(bins)) - density((b + 1) / double(bins)));
      between += mean * mean / bins;
    }
    return correlation * correlation * between;
  }
  double rank() const { return 6 / std::acos(-1.0) * std::asin(correlation / 2); }
};

class Dependent : public testing::TestWithParam<Dependence> {};

TEST_P(Dependent, SharesAndRanksAreCovered) {
  const Dependence c = GetParam();
  Count share, rank;
  int by_chance = 0;
  for (int study = 0; study < studies; ++study) {
    std::vector<double> x, y;
    for (int t = 0; t < c.trials; ++t) {
      const auto trial = static_cast<std::uint64_t>(t);
      const auto number = static_cast<std::uint32_t>(study);
      x.push_back(gauss(number, trial, 0));
      y.push_back(c.correlation * x.back() +
                  std::sqrt(1 - c.correlation * c.correlation) * gauss(number, trial, 1));
    }
    const Sensitivity found = sensitivity(x, y);
    share.add(found.share, c.explained());
    rank.add(found.rank, c.rank());
    by_chance += found.share.value > found.chance;
  }
  std::printf("%g x %d: share %.4f, width %.3f; rank %.4f, width %.3f; above chance %.4f\n",
              c.correlation, c.trials, share.share(), share.excess_width(), rank.share(),
              rank.excess_width(), by_chance / static_cast<double>(studies));
  EXPECT_GE(share.share(), least_share(studies));
  EXPECT_GE(rank.share(), least_share(studies));
  EXPECT_LT(rank.excess_width(), 1.2);
  if (c.correlation == 0) {
    EXPECT_NEAR(by_chance / static_cast<double>(studies), 0.05,
                4 * std::sqrt(0.05 * 0.95 / studies));
  } else {
    EXPECT_LT(share.excess_width(), 1.4);
  }
}

INSTANTIATE_TEST_SUITE_P(Correlations, Dependent,
                         testing::Values(Dependence{0, 100}, Dependence{0.3, 400},
                                         Dependence{0.6, 200}, Dependence{0.9, 100},
                                         Dependence{0.95, 400}));

// The share of steps below and above a value, both for steps that depend on their trial.
TEST(PooledShares, AreCovered) {
  constexpr int some = std::min(studies, 400);  // each looks at every step
  for (const CoverageCase& c :
       {CoverageCase{normal, 50, 10, 0.5}, CoverageCase{exponential, 200, 1, 0},
        CoverageCase{lognormal, 100, 10, 0}}) {
    Count below, above, alone;
    for (int study = 0; study < some; ++study) {
      const auto x = c.draw(static_cast<std::uint32_t>(study), 0, c.trials).first;
      const double limit = c.quantile(0.9);
      const auto at = [&](const PooledSteps::Shares& shares) {
        return static_cast<std::size_t>(
            std::upper_bound(shares.value.begin(), shares.value.end(), limit) -
            shares.value.begin());
      };
      const auto shares = PooledSteps(x, c.steps).shares(x.size(), 0);
      below.add(shares.below[at(shares) - 1], 0.9);
      above.add(shares.above[at(shares)], 0.1);
      const auto single = PooledSteps(x, 1).shares(x.size(), 0);
      alone.add(single.below[at(single) - 1], 0.9);
    }
    std::printf("%s: below %.4f, width %.3f; above %.4f; steps alone %.4f\n", c.law.name,
                below.share(), below.excess_width(), above.share(), alone.share());
    EXPECT_GE(below.share(), least_share(some)) << c.law.name;
    EXPECT_GE(above.share(), least_share(some)) << c.law.name;
    EXPECT_LT(below.excess_width(), 1.4) << c.law.name;
    if (c.within > 0) {  // negative control: steps taken for independent ones
      EXPECT_LT(alone.share(), least_share(some));
    }
  }
}

}  // namespace
}  // namespace lockstep
