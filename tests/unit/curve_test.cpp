// Shares, densities and sensitivities against known answers.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "engine/base/elementary.hpp"
#include "engine/base/random.hpp"
#include "engine/statistics/beta.hpp"
#include "engine/statistics/density.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/sensitivity.hpp"

namespace lockstep {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double uniform(std::uint32_t study, std::uint64_t i, std::uint32_t draw = 0) {
  return Stream{.seed = 11, .purpose = Purpose{200}, .trial = study}.uniform(i, draw);
}

TEST(PooledShares, AreTheDistributionFunction) {
  const auto shares = PooledSteps(std::vector{3.0, 1.0, 2.0, 2.0, nan}, 1).shares(100, 0);
  ASSERT_EQ(shares.value, (std::vector{1.0, 2.0, 3.0}));
  const double below[] = {0.25, 0.75, 1}, above[] = {1, 0.75, 0.25};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(shares.below[i].value, below[i]);
    EXPECT_EQ(shares.above[i].value, above[i]);
    const Estimate exact = share_estimate(4 * below[i], 4);
    EXPECT_NEAR(shares.below[i].lower, exact.lower, 1e-12);
    EXPECT_NEAR(shares.below[i].upper, exact.upper, 1e-12);
  }
  EXPECT_TRUE(PooledSteps(std::vector{nan}, 1).shares(10, 2).value.empty());
}

// Both ends are there without a body, whose own first and last value are the same.
TEST(PooledShares, EndsStandAlone) {
  const std::vector<double> values{3, 1, 4, 15, 9, 2, 6};
  EXPECT_EQ(PooledSteps(values, 1).shares(0, 2).value, (std::vector<double>{1, 2, 9, 15}));
  EXPECT_EQ(PooledSteps(values, 1).shares(0, 1).value, (std::vector<double>{1, 15}));
}

TEST(PooledShares, KeepBothEndsOfALargeSample) {
  std::vector<double> values(10000);
  std::iota(values.begin(), values.end(), 0.0);
  const auto shares = PooledSteps(values, 10).shares(160, 40);
  EXPECT_LE(shares.value.size(), 240u);
  EXPECT_EQ(shares.value[39], 39);
  EXPECT_EQ(shares.value[shares.value.size() - 40], 9960);
  EXPECT_EQ(shares.value.back(), 9999);
  EXPECT_NEAR(shares.above.back().value, 1e-4, 1e-12);
  for (std::size_t i = 0; i + 41 < shares.value.size(); ++i)
    EXPECT_LE(shares.value[i + 1] - shares.value[i], 64);
}

// lower <= value <= upper, whatever the sample: of few trials type 7 lies below the p99's own
// limit.
TEST(PooledSteps, NeverLeaveTheirLimits) {
  int beyond = 0;
  for (std::uint32_t study = 0; study < 300; ++study) {
    const std::size_t trials = 1 + study % 30, steps = 1 + study % 4;
    std::vector<double> values;
    for (std::size_t i = 0; i < trials * steps; ++i) {
      const double u = uniform(study, i);
      values.push_back(study % 3 == 0 ? std::floor(4 * u) : elementary::pow(u, -0.5));
    }
    const PooledSteps pooled(values, static_cast<std::int64_t>(steps));
    for (double p : {0.001, 0.05, 0.5, 0.95, 0.99, 0.999}) {
      const Estimate e = pooled.quantile(p);
      EXPECT_LE(e.lower, e.value) << trials << " trials, " << p;
      EXPECT_LE(e.value, e.upper) << trials << " trials, " << p;
      const std::vector<double>& sorted = pooled.sorted();
      const double place = p * static_cast<double>(sorted.size() - 1);
      const auto left = static_cast<std::size_t>(place);
      const std::size_t right = std::min(left + 1, sorted.size() - 1);
      const double type7 =
          sorted[left] + (place - static_cast<double>(left)) * (sorted[right] - sorted[left]);
      beyond += type7 < e.lower - 1e-12 || type7 > e.upper + 1e-12;
    }
    const auto shares = pooled.shares(50, 5);
    for (const auto* column : {&shares.below, &shares.above})
      for (const Estimate& e : *column) {
        EXPECT_LE(e.lower, e.value + 1e-12);
        EXPECT_LE(e.value, e.upper + 1e-12);
      }
  }
  EXPECT_GT(beyond, 50) << "nothing was tried";
}

double integral(const Density& d) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < d.value.size(); ++i)
    sum += (d.density[i] + d.density[i + 1]) / 2 * (d.value[i + 1] - d.value[i]);
  return sum;
}

TEST(Density, IsOfTheValuesAlone) {
  std::vector<double> normal, peaks;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    normal.push_back(5 + elementary::normal_quantile(uniform(0, i)));
    peaks.push_back((i % 2 ? 1 : 2) + 0.01 * elementary::normal_quantile(uniform(1, i)));
  }
  std::sort(normal.begin(), normal.end());
  std::sort(peaks.begin(), peaks.end());
  const Density one = density_of_sorted(normal), two = density_of_sorted(peaks);
  for (const auto& [density, sorted] : {std::pair{&one, &normal}, {&two, &peaks}}) {
    EXPECT_EQ(density->value.front(), sorted->front());
    EXPECT_EQ(density->value.back(), sorted->back());
    EXPECT_NEAR(integral(*density), 1, 0.02);
  }
  for (std::size_t i = 0; i < one.value.size(); ++i) {
    const double z = one.value[i] - 5;
    EXPECT_NEAR(one.density[i], std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0)), 0.04);
  }
  // Two narrow peaks stay apart: nothing between them.
  for (std::size_t i = 0; i < two.value.size(); ++i)
    EXPECT_TRUE(two.value[i] < 1.1 || two.value[i] > 1.9 || two.density[i] < 1e-3);
  EXPECT_TRUE(density_of_sorted(std::vector(5, 2.0)).value.empty());
  EXPECT_TRUE(density_of_sorted({}).value.empty());
}

// Of 2 a + b + 0 c, uniform: variances 4 : 1 : 0.
TEST(SensitivityOfASum, IsItsShareOfTheVariance) {
  std::vector<double> inputs[3], output;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    for (std::uint32_t k = 0; k < 3; ++k) inputs[k].push_back(uniform(2, i, k));
    output.push_back(2 * inputs[0].back() + inputs[1].back());
  }
  const double truth[] = {0.8, 0.2, 0};
  for (std::size_t k = 0; k < 3; ++k) {
    const Sensitivity found = sensitivity(inputs[k], output);
    EXPECT_NEAR(found.share.value, truth[k], 0.04);
    EXPECT_LE(found.share.lower, truth[k] + 0.01);
    EXPECT_GE(found.share.upper, truth[k] - 0.01);
    EXPECT_GT(found.chance, 0);
    EXPECT_LT(found.chance, 0.02);
  }
}

TEST(Sensitivity, RanksAreSpearmans) {
  std::vector<double> x, up, down;
  for (int i = 0; i < 50; ++i) {
    x.push_back(i);
    up.push_back(std::exp(0.1 * i));
    down.push_back(-i);
  }
  EXPECT_NEAR(sensitivity(x, up).rank.value, 1, 1e-12);
  EXPECT_NEAR(sensitivity(x, down).rank.value, -1, 1e-12);
  const std::vector<double> five{1, 2, 3, 4, 5}, mixed{2, 1, 4, 3, 5};
  const Sensitivity few = sensitivity(five, mixed);
  EXPECT_NEAR(few.rank.value, 0.8, 1e-12);
  EXPECT_TRUE(std::isnan(few.share.value) && std::isnan(few.chance));
  EXPECT_TRUE(std::isnan(sensitivity(x, std::vector(50, 1.0)).rank.value));
  EXPECT_TRUE(std::isnan(sensitivity({}, {}).rank.value));
}

}  // namespace
}  // namespace lockstep
