#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "engine/base/elementary.hpp"
#include "engine/base/random.hpp"
#include "engine/statistics/binomial.hpp"
#include "engine/statistics/heavy_tail.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> counting(int n) {
  std::vector<double> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 1.0);
  return values;
}

// Sums of n! / (k! (n - k)!) p^k (1 - p)^(n - k) in exact fractions (Python), rounded.
TEST(BinomialCdf, IsExact) {
  EXPECT_NEAR(binomial_cdf(3, 10, 0.3), 0.6496107184, 1e-13);
  EXPECT_NEAR(binomial_cdf(0, 10, 0.3), 0.0282475249, 1e-13);
  EXPECT_NEAR(binomial_cdf(9, 10, 0.3), 1 - 0.0000059049, 1e-13);
  EXPECT_EQ(binomial_cdf(-1, 10, 0.3), 0);
  EXPECT_EQ(binomial_cdf(10, 10, 0.3), 1);
  EXPECT_NEAR(binomial_cdf(39, 100, 0.5), 0.017600100108852, 1e-13);
  // A million throws: the normal law with continuity correction, its error of order 1e-4 here.
  EXPECT_NEAR(binomial_cdf(500000, 1000000, 0.5), elementary::normal_cdf(0.001), 1e-9);
}

// A plain search over all ranks agrees; the median of 100 is the textbooks' 40 and 61.
TEST(QuantileRanks, AreTheNarrowest) {
  EXPECT_EQ(quantile_ranks(100, 0.5, 0.95).lower, 40);
  EXPECT_EQ(quantile_ranks(100, 0.5, 0.95).upper, 61);
  for (int n : {1, 5, 6, 50, 367, 368, 500})
    for (double p : {0.05, 0.5, 0.99}) {
      const auto [lower, upper] = quantile_ranks(n, p, 0.95);
      int low = 0, high = n + 1;
      while (low < n && binomial_cdf(low, n, p) <= 0.025) ++low;
      while (high > 1 && 1 - binomial_cdf(high - 2, n, p) <= 0.025 * (1 + 1e-9)) --high;
      EXPECT_EQ(lower, low) << n << " " << p;
      EXPECT_EQ(upper, high) << n << " " << p;
    }
}

// The least number of trials whose largest lies above p with 97.5 %: ln 0.025 / ln p.
TEST(QuantileRanks, SayWhereTrialsAreTooFew) {
  EXPECT_EQ(quantile_ranks(367, 0.99, 0.95).upper, 368);
  EXPECT_EQ(quantile_ranks(368, 0.99, 0.95).upper, 368);
  EXPECT_EQ(quantile_ranks(5, 0.5, 0.95).lower, 0);
  EXPECT_EQ(quantile_ranks(5, 0.5, 0.95).upper, 6);
  EXPECT_EQ(quantile_ranks(6, 0.5, 0.95).lower, 1);
}

// Tables of Student's law.
TEST(StudentQuantile, IsThatOfTheTables) {
  EXPECT_NEAR(student_quantile(0.975, 1), 12.7062, 1e-4);
  EXPECT_NEAR(student_quantile(0.975, 2), 4.30265, 1e-5);
  EXPECT_NEAR(student_quantile(0.975, 3), 3.18245, 0.006);
  EXPECT_NEAR(student_quantile(0.975, 9), 2.262157, 1e-4);
  EXPECT_NEAR(student_quantile(0.975, 99), 1.984217, 1e-6);
  EXPECT_NEAR(student_quantile(0.995, 30), 2.749996, 1e-4);
  EXPECT_NEAR(student_quantile(0.025, 9), -2.262157, 1e-4);
  EXPECT_NEAR(student_quantile(0.975, 1e12), 1.959964, 1e-6);
}

TEST(MeanEstimate, IsStudentsForSymmetricValues) {
  const Estimate estimate = mean_estimate(counting(5));  // variance 2.5, t(4) = 2.776445
  EXPECT_EQ(estimate.value, 3);
  EXPECT_NEAR(estimate.upper - 3, 2.776445 * std::sqrt(0.5), 2e-3);
  EXPECT_NEAR(estimate.lower + estimate.upper, 6, 1e-12);
}

// Hall's eq. by hand: 9 zeros and a 1 have mean 0.1, skewness 8/3, variance 0.1.
TEST(MeanEstimate, ReachesFartherToTheSideOfTheTail) {
  std::vector<double> values(10, 0.0);
  values[3] = 1;
  const Estimate estimate = mean_estimate(values);
  const double t = student_quantile(0.975, 9), g = 8.0 / 3, n = 10;
  const double hall =
      3 * std::sqrt(n) / g * (std::cbrt(1 + g * (-t / std::sqrt(n) - g / (6 * n))) - 1);
  EXPECT_NEAR(estimate.upper, 0.1 - 0.1 * hall, 1e-12);
  EXPECT_NEAR(estimate.lower, 0.1 - 0.1 * t, 1e-12);
  EXPECT_GT(estimate.upper - 0.1, 0.1 - estimate.lower);
  for (double& x : values) x = -x;
  EXPECT_NEAR(mean_estimate(values).lower, -estimate.upper, 1e-15);
}

TEST(MeanEstimate, OfFewOrEqualValues) {
  EXPECT_TRUE(std::isnan(mean_estimate(std::vector{nan}).value));
  EXPECT_TRUE(std::isnan(mean_estimate({}).lower));
  const Estimate one = mean_estimate(std::vector{nan, 4.0});
  EXPECT_EQ(one.value, 4);
  EXPECT_EQ(one.lower, -infinity);
  EXPECT_EQ(one.upper, infinity);
  const Estimate same = mean_estimate(std::vector{4.0, 4.0});
  EXPECT_EQ(same.lower, 4);
  EXPECT_EQ(same.upper, 4);
  EXPECT_EQ(mean_estimate(std::vector{4.0, infinity}).upper, infinity);
}

TEST(TrialMeans, LeaveOutWhatIsNotThere) {
  const std::vector<double> means = trial_means(std::vector{1.0, 3.0, nan, 5.0, nan, nan}, 2);
  ASSERT_EQ(means.size(), 3u);
  EXPECT_EQ(means[0], 2);
  EXPECT_EQ(means[1], 5);
  EXPECT_TRUE(std::isnan(means[2]));
}

TEST(PooledSteps, OfOneStepATrialAreTheOrderStatistics) {
  const Estimate median = PooledSteps(counting(100), 1).quantile(0.5);
  EXPECT_EQ(median.value, 50.5);
  EXPECT_EQ(median.lower, 40);
  EXPECT_EQ(median.upper, 61);
  const Estimate tail = PooledSteps(counting(100), 1).quantile(0.99);
  EXPECT_EQ(tail.upper, infinity);
  EXPECT_EQ(tail.lower, 97);
  EXPECT_TRUE(std::isnan(PooledSteps(std::vector{nan, nan}, 1).quantile(0.5).value));
}

// Steps that all repeat their trial are worth one value a trial.
TEST(PooledSteps, OfRepeatedStepsAreWorthTheTrials) {
  std::vector<double> repeated;
  for (double x : counting(100)) repeated.insert(repeated.end(), 4, x);
  const Estimate median = PooledSteps(repeated, 4).quantile(0.5);
  EXPECT_EQ(median.lower, 40);
  EXPECT_EQ(median.upper, 61);
  EXPECT_EQ(PooledSteps(repeated, 4).quantile(0.99).upper, infinity);
  repeated.insert(repeated.end(), 8, nan);  // trials that are not there
  EXPECT_EQ(PooledSteps(repeated, 4).quantile(0.5).lower, 40);
  // Trials with the same steps each say far more than 100 values do.
  std::vector<double> alike;
  for (int t = 0; t < 100; ++t)
    for (int s = 0; s < 5; ++s) alike.push_back((t + 20 * s) % 100);
  const Estimate spread = PooledSteps(alike, 5).quantile(0.5);
  EXPECT_LT(spread.upper - spread.lower, 12);
}

TEST(HeavyTail, IsSeenWhereItIsEvident) {
  const auto sample = [](double alpha, std::uint32_t study) {
    const Stream stream{.seed = 5, .purpose = Purpose{200}, .trial = study};
    std::vector<double> values;
    for (std::uint32_t i = 0; i < 2000; ++i)
      values.push_back(elementary::pow(stream.uniform(i, 0), -1 / alpha));
    return values;
  };
  int seen = 0, falsely = 0;
  for (std::uint32_t study = 0; study < 100; ++study) {
    seen += variance_seems_infinite(sample(1.2, study));
    falsely += variance_seems_infinite(sample(3, study));
  }
  EXPECT_GT(seen, 80);
  EXPECT_LE(falsely, 4);  // 1 % are allowed; 5 and more of 100 come with probability 0.003
  std::vector<double> two_speeds(1000, 1.0);
  for (std::size_t i = 0; i < two_speeds.size(); ++i)
    two_speeds[i] += (i % 100 == 0 ? 0.3 : 0) + 1e-4 * static_cast<double>(i % 37);
  EXPECT_FALSE(variance_seems_infinite(two_speeds));
  EXPECT_FALSE(variance_seems_infinite(std::vector<double>(50, 1.0)));
  EXPECT_FALSE(variance_seems_infinite({}));
}

}  // namespace
}  // namespace lockstep
