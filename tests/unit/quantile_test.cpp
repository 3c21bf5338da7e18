#include "engine/statistics/quantile.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lockstep {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double quantile(const std::vector<double>& sample, double p) {
  return quantiles(sample, std::vector{p}).front();
}

// Values of numpy.quantile(..., method="linear").
TEST(Quantiles, InterpolateBetweenOrderStatistics) {
  const std::vector<double> sample{15, 20, 35, 40, 50};
  const std::vector<double> result = quantiles(sample, std::vector{0.0, 0.05, 0.3, 0.4, 0.5, 1.0});
  const std::vector<double> expected{15, 16, 23, 29, 35, 50};
  ASSERT_EQ(result.size(), expected.size());
  for (std::size_t i = 0; i < result.size(); ++i) EXPECT_NEAR(result[i], expected[i], 1e-12);
  EXPECT_NEAR(quantile({1, 2, 3, 4}, 0.5), 2.5, 1e-15);
  EXPECT_NEAR(quantile({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.95), 9.55, 1e-12);
}

TEST(Quantiles, DoNotDependOnOrderAndKeepTies) {
  EXPECT_NEAR(quantile({50, 15, 40, 35, 20}, 0.3), 23, 1e-12);
  EXPECT_EQ(quantile({2, 2, 2, 9}, 0.5), 2);
  EXPECT_EQ(quantile({7}, 0.99), 7);
  EXPECT_EQ(quantile({-1, -3}, 0.5), -2);
}

TEST(Quantiles, LeaveOutWhatIsNotThere) {
  EXPECT_EQ(quantile({nan, 1, nan, 3}, 0.5), 2);
  EXPECT_TRUE(std::isnan(quantile({nan, nan}, 0.5)));
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
  EXPECT_TRUE(quantiles(std::vector{1.0}, std::vector<double>{}).empty());
}

// A quantile of a sample with infinite values is one of them or between finite ones, not NaN.
TEST(Quantiles, KeepInfinities) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(quantile({1, 2, infinity}, 1.0), infinity);
  EXPECT_EQ(quantile({1, 2, infinity}, 0.5), 2);
  EXPECT_EQ(quantile({1, infinity, infinity}, 0.75), infinity);
  EXPECT_EQ(quantile({1, infinity, infinity, infinity}, 0.9), infinity);
}

TEST(PresentValues, AreThoseThatAreNumbers) {
  EXPECT_EQ(present_values(std::vector{nan, 4.0, nan, 6.0}), 2);
  EXPECT_EQ(present_values({}), 0);
}

TEST(Mean, IsCompensated) {
  EXPECT_EQ(mean(std::vector{1.0, 2.0, 6.0}), 3);
  EXPECT_EQ(mean(std::vector{nan, 4.0, 6.0}), 5);
  EXPECT_TRUE(std::isnan(mean(std::vector<double>{})));
  // A plain sum of a million tenths is off in the eleventh digit.
  EXPECT_DOUBLE_EQ(mean(std::vector<double>(1000000, 0.1)), 0.1);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(mean(std::vector{1.0, infinity, 2.0, 3.0}), infinity);
  std::vector<double> growing{1e16};
  growing.resize(1001, 1.0);
  EXPECT_DOUBLE_EQ(mean(growing) * 1001, 1e16 + 1000);
}

}  // namespace
}  // namespace lockstep
