#include "engine/statistics/paired_difference.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "engine/base/elementary.hpp"
#include "engine/base/random.hpp"
#include "engine/statistics/mean_interval.hpp"

namespace lockstep {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> normals(std::uint32_t point, int n) {
  const Stream stream{.seed = 3, .purpose = Purpose{200}, .trial = point};
  std::vector<double> values;
  for (int i = 0; i < n; ++i)
    values.push_back(10 +
                     elementary::normal_quantile(stream.uniform(static_cast<std::uint64_t>(i), 0)));
  return values;
}

TEST(MeanDifference, IsOfTheTrialsDifferences) {
  const std::vector<double> a{1, 3, 2, 8}, b{2, 5, 4, 9};
  const PairedDifference difference = mean_difference(a, b, 1);
  const Estimate expected = mean_estimate(std::vector{1.0, 2.0, 2.0, 1.0});
  EXPECT_EQ(difference.absolute.value, 1.5);
  EXPECT_NEAR(difference.absolute.lower, expected.lower, 1e-12);
  EXPECT_NEAR(difference.absolute.upper, expected.upper, 1e-12);
  EXPECT_NEAR(difference.relative.value, 1.5 / 3.5, 1e-15);
  const PairedDifference steps = mean_difference(std::vector{1.0, 3.0, 2.0, 8.0}, b, 2);
  EXPECT_EQ(steps.absolute.value, 1.5);
}

// A second point that is the first times 1.25 differs by exactly a quarter, without any doubt.
TEST(Differences, OfAPointAndItsMultipleAreKnown) {
  const std::vector<double> a = normals(0, 1000);
  std::vector<double> b = a;
  for (double& x : b) x *= 1.25;
  const Estimate mean = mean_difference(a, b, 1).relative;
  EXPECT_NEAR(mean.lower, 0.25, 1e-12);
  EXPECT_NEAR(mean.upper, 0.25, 1e-12);
  for (const PairedDifference& d : quantile_differences(a, b, 1, std::array{0.5, 0.99})) {
    EXPECT_NEAR(d.relative.lower, 0.25, 1e-12);
    EXPECT_NEAR(d.relative.upper, 0.25, 1e-12);
    EXPECT_GT(d.absolute.upper, d.absolute.lower);
  }
}

// Half of the trials are 0 in both points: so is the median of many a resample, and a share of it
// is anything.
TEST(Differences, AsAShareOfWhatMayBeNothingHaveNoLimits) {
  std::vector<double> a = normals(0, 201);
  for (std::size_t i = 0; i < 101; ++i) a[2 * i] = 0;
  std::vector<double> b = a;
  for (double& x : b) x *= 1.25;
  const PairedDifference nothing = quantile_differences(a, b, 1, std::array{0.5}).front();
  EXPECT_TRUE(std::isnan(nothing.relative.value));
  EXPECT_TRUE(std::isnan(nothing.relative.lower));
  a[0] = 9, b[0] = 10, a[2] = 9, b[2] = 10;
  const PairedDifference some = quantile_differences(a, b, 1, std::array{0.5}).front();
  EXPECT_TRUE(std::isfinite(some.relative.value));
  EXPECT_EQ(some.relative.lower, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(some.relative.upper, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isfinite(some.absolute.upper));
}

TEST(Differences, LeaveOutTrialsThatOneDoesNotHave) {
  const std::vector<double> a{1, nan, 3, 4}, b{2, 3, nan, 6};
  EXPECT_EQ(mean_difference(a, b, 1).absolute.value, 1.5);
  // In pairs of steps neither trial is whole.
  EXPECT_TRUE(std::isnan(mean_difference(a, b, 2).absolute.value));
}

TEST(QuantileDifferences, HaveNoLimitWhereTrialsAreTooFew) {
  const std::array p{0.5, 0.99};
  const auto few = quantile_differences(normals(0, 100), normals(1, 100), 1, p);
  EXPECT_TRUE(std::isfinite(few[0].absolute.lower) && std::isfinite(few[0].absolute.upper));
  EXPECT_TRUE(std::isinf(few[1].absolute.lower) && std::isinf(few[1].relative.upper));
  const auto many = quantile_differences(normals(0, 400), normals(1, 400), 1, p);
  EXPECT_TRUE(std::isfinite(many[1].absolute.lower) && std::isfinite(many[1].absolute.upper));
  EXPECT_TRUE(std::isnan(quantile_differences({}, {}, 1, p)[0].absolute.value));
}

// The bootstrap of the difference of two independent medians of n normals has the standard error
// sqrt(2 pi / 2 / n); 1999 resamples and the sample's own density leave it within a third.
TEST(QuantileDifferences, AreAsWideAsTheory) {
  for (const int n : {2000, 20000}) {  // by trials, and by groups of them
    const Estimate d =
        quantile_differences(normals(0, n), normals(1, n), 1, std::array{0.5})[0].absolute;
    const double expected = 2 * 1.96 * std::sqrt(std::acos(-1.0) / n);
    EXPECT_NEAR((d.upper - d.lower) / expected, 1, 0.33) << n;
    EXPECT_LT(d.lower, 0) << n;
    EXPECT_GT(d.upper, 0) << n;
  }
}

TEST(QuantileDifferences, AreTheSameEveryTime) {
  const auto one = quantile_differences(normals(0, 50), normals(1, 50), 1, std::array{0.5})[0];
  const auto two = quantile_differences(normals(0, 50), normals(1, 50), 1, std::array{0.5})[0];
  EXPECT_EQ(one.absolute.lower, two.absolute.lower);
  EXPECT_EQ(one.relative.upper, two.relative.upper);
}

}  // namespace
}  // namespace lockstep
