// Known answers of shares, rates and what rare events leave.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/statistics/beta.hpp"
#include "engine/statistics/binomial.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/paired_difference.hpp"

namespace lockstep {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// I_x(a, b) of whole a and b is a binomial tail; I_x(1/2, 1/2) = 2 / pi asin sqrt x.
TEST(Beta, IsTheBinomialTail) {
  for (int n : {1, 7, 100, 100000})
    for (int k : {1, n / 3 + 1, n})
      for (double x : {0.01, 0.34, 0.9}) {
        const double tail = 1 - binomial_cdf(k - 1, n, x);
        EXPECT_NEAR(beta_cdf(k, n - k + 1, x), tail, 1e-8) << n << " " << k << " " << x;
      }
  EXPECT_NEAR(beta_cdf(0.5, 0.5, 0.3), 2 / std::acos(-1.0) * std::asin(std::sqrt(0.3)), 1e-12);
  for (double a : {0.5, 1.0, 12.0, 4e5})
    for (double b : {0.5, 3.0, 5e5})
      for (double p : {0.025, 0.5, 0.975})
        EXPECT_NEAR(beta_cdf(a, b, beta_quantile(a, b, p)), p, 1e-7) << a << " " << b << " " << p;
}

// Clopper and Pearson's tables; of none the limit in closed form.
TEST(ShareEstimate, IsThatOfTheTables) {
  const Estimate three = share_estimate(3, 10);
  EXPECT_EQ(three.value, 0.3);
  EXPECT_NEAR(three.lower, 0.06673951, 1e-7);
  EXPECT_NEAR(three.upper, 0.65245285, 1e-7);
  for (double n : {1.0, 32.0, 1000.0}) {
    const Estimate none = share_estimate(0, n), all = share_estimate(n, n);
    EXPECT_EQ(none.lower, 0);
    EXPECT_NEAR(none.upper, 1 - std::pow(0.025, 1 / n), 1e-12);
    EXPECT_NEAR(all.lower, std::pow(0.025, 1 / n), 1e-12);
    EXPECT_EQ(all.upper, 1);
  }
}

TEST(RateEstimate, IsThatOfTheTables) {
  const Estimate five = rate_estimate(5, 1);  // Garwood: 1.623 to 11.668
  EXPECT_NEAR(five.lower, 1.6235, 1e-4);
  EXPECT_NEAR(five.upper, 11.6683, 1e-4);
  EXPECT_NEAR(rate_estimate(0, 100).upper, -std::log(0.025) / 100, 1e-12);
}

TEST(MeanEstimate, OfNoEventIsNotCertain) {
  const std::vector<double> none(32, 0.0);
  const double unseen = 1 - std::pow(0.025, 1.0 / 32);
  const Estimate count = mean_estimate(none, Support::count());
  EXPECT_EQ(count.value, 0);
  EXPECT_EQ(count.lower, 0);
  EXPECT_NEAR(count.upper, -std::log(0.025) / 32, 1e-12);
  EXPECT_NEAR(mean_estimate(none, Support::loss(720)).upper, 720 * unseen, 1e-9);
  const std::vector<double> whole(32, 1.0), most(32, 0.75);
  EXPECT_NEAR(mean_estimate(whole, Support::share()).lower, 1 - unseen, 1e-12);
  EXPECT_EQ(mean_estimate(whole, Support::share()).upper, 1);
  EXPECT_NEAR(mean_estimate(most, Support::share()).upper, 0.75 + 0.25 * unseen, 1e-12);
  EXPECT_NEAR(mean_estimate(most, Support::yield()).lower, 0.75 - 0.75 * unseen, 1e-12);
  EXPECT_EQ(mean_estimate(most, Support::yield()).upper, 0.75);
  // What is the same in every trial, and never 0, is no event.
  EXPECT_EQ(mean_estimate(most, Support::loss(720)).upper, 0.75);
  EXPECT_EQ(mean_estimate(most, Support::quantity()).upper, 0.75);
}

// Two unit events of 50 trials: Garwood, not Student, whose lower limit is negative.
TEST(MeanEstimate, OfFewEventsIsThatOfTheirNumber) {
  std::vector<double> values(50, 0.0);
  values[3] = values[40] = 1;
  EXPECT_LT(mean_estimate(values).lower, 0);
  const Estimate e = mean_estimate(values, Support::count()), exact = rate_estimate(2, 50);
  EXPECT_NEAR(e.lower, exact.lower, 1e-12);
  EXPECT_NEAR(e.upper, exact.upper, 1e-12);
  // Of many it is that of any sample.
  for (std::size_t t = 0; t < values.size(); ++t) values[t] = static_cast<double>(t % 4);
  EXPECT_EQ(mean_estimate(values, Support::count()).upper, mean_estimate(values).upper);
}

// Noise of 1e-5 between trials without a failure says nothing about failures that did not come.
TEST(MeanEstimate, OfNoEventUnderNoiseIsNotCertain) {
  std::vector<double> goodput(32), events(32, 0.0);
  for (std::size_t t = 0; t < 32; ++t) goodput[t] = 0.9 + 1e-5 * static_cast<double>(t % 7);
  const double unseen = 1 - std::pow(0.025, 1.0 / 32);
  const Estimate blind = mean_estimate(goodput, Support::yield());
  EXPECT_LT(blind.upper - blind.lower, 1e-4) << "the control";
  const Estimate e = mean_estimate(goodput, Support::yield(), shown_level, events);
  EXPECT_NEAR(e.lower, e.value * (1 - unseen), 1e-4);
  EXPECT_GE(e.upper, blind.upper);
  // One failure that cost a tenth tells how much such cost.
  events[5] = 1;
  goodput[5] -= 0.1;
  const Estimate one = mean_estimate(goodput, Support::yield(), shown_level, events);
  EXPECT_LE(one.lower, 0.9 - 0.1 * share_estimate(1, 32).upper + 1e-3);
  EXPECT_GT(one.lower, e.lower);
  // Where events are many the noise of their costs rules.
  for (double& n : events) n = 3;
  const Estimate many = mean_estimate(goodput, Support::yield(), shown_level, events);
  EXPECT_EQ(many.lower, mean_estimate(goodput).lower);
}

// Eight pairs, one of which lost a tenth: what was not seen the other way reaches as far.
TEST(MeanEstimate, OfYesAndNoIsThatOfTheirShare) {
  std::vector<double> values(20, 1.0);
  const double none = std::numeric_limits<double>::quiet_NaN();
  values.push_back(none);
  const Estimate all = mean_estimate(values, Support::yes_or_no(), 0.95);
  EXPECT_EQ(all.value, 1);
  EXPECT_NEAR(all.lower, 0.8316, 5e-5);  // Clopper and Pearson's tables
  EXPECT_EQ(all.upper, 1);
  std::fill_n(values.begin(), 12, 0.0);
  const Estimate some = mean_estimate(values, Support::yes_or_no(), 0.95);
  EXPECT_EQ(some.value, 0.4);
  EXPECT_NEAR(some.lower, 0.1912, 5e-5);
  EXPECT_NEAR(some.upper, 0.6395, 5e-5);
  EXPECT_TRUE(std::isnan(mean_estimate({&none, 1}, Support::yes_or_no(), 0.95).value));
}

TEST(MeanDifference, OfMostlyEqualSharesIsBoundedByWhatWasSeen) {
  std::vector<double> first(8, 0.5), second(8, 0.5);
  second[2] = 0.4;
  const PairedDifference found = mean_difference(first, second, 1, Support::share());
  EXPECT_LE(found.absolute.upper, 0.1 * share_estimate(0, 8).upper);
  EXPECT_GE(found.absolute.lower, -0.1);
}

// Quantiles from bins of 1 % are known to half of that, however alike the trials are.
TEST(MeanEstimate, OfSketchedValuesIsNoNarrowerThanTheSketch) {
  Support sketched = Support::quantity();
  sketched.within = 0.005;
  const std::vector<double> first(16, 2.0), second(16, 3.0);
  const Estimate e = mean_estimate(first, sketched);
  EXPECT_NEAR(e.lower, 1.99, 1e-12);
  EXPECT_NEAR(e.upper, 2.01, 1e-12);
  EXPECT_EQ(mean_estimate(first, Support::quantity()).upper, 2) << "the control";
  const PairedDifference found = mean_difference(first, second, 1, sketched);
  EXPECT_NEAR(found.absolute.upper, 1.025, 1e-12);
  EXPECT_NEAR(found.relative.lower, 0.4875, 1e-12);
  // Without a limit there is none to move.
  EXPECT_TRUE(std::isinf(mean_estimate(std::vector{2.0}, sketched).upper));
  EXPECT_TRUE(std::isinf(mean_estimate(std::vector{2.0}, Support::quantity()).lower));
}

// Three trials of 30 d: one event, none, two: 30 d an event, not the mean of 30 d and 15 d.
TEST(MeanEstimate, OfTimesBetweenEventsPoolsThem) {
  const Support support = Support::time_between(30);
  const Estimate e = mean_estimate(std::vector{30.0, infinity, 15.0, nan}, support);
  EXPECT_NEAR(e.value, 30, 1e-12);
  EXPECT_LT(e.lower, 30);
  EXPECT_GT(e.upper, 30);
  const Estimate none = mean_estimate(std::vector<double>(32, infinity), support);
  EXPECT_EQ(none.value, infinity);
  EXPECT_EQ(none.upper, infinity);
  EXPECT_NEAR(none.lower, 30 * 32 / -std::log(0.025), 1e-9);
  EXPECT_TRUE(std::isnan(mean_estimate(std::vector{nan}, support).value));
}

TEST(MeanDifference, OfEqualTrialsIsNotCertain) {
  const std::vector<double> none(100, 0.0), whole(100, 1.0);
  const PairedDifference count = mean_difference(none, none, 1, Support::count());
  EXPECT_EQ(count.absolute.value, 0);
  EXPECT_NEAR(count.absolute.upper, -std::log(0.025) / 100, 1e-12);
  EXPECT_NEAR(count.absolute.lower, std::log(0.025) / 100, 1e-12);
  EXPECT_TRUE(std::isnan(count.relative.value)) << "of nothing nothing is a share";
  const PairedDifference share = mean_difference(whole, whole, 1, Support::share());
  EXPECT_EQ(share.relative.value, 0);
  EXPECT_NEAR(share.relative.upper, 1 - std::pow(0.025, 0.01), 1e-12);
  // Twice the time between events is half the events.
  std::vector<double> a, b;
  for (int t = 0; t < 99; ++t) {
    a.push_back(30.0 / (2 * (1 + t % 3)));
    b.push_back(30.0 / (1 + t % 3));
  }
  const PairedDifference twice = mean_difference(a, b, 1, Support::time_between(30));
  EXPECT_NEAR(twice.relative.value, 1, 1e-9);
  EXPECT_NEAR(twice.relative.lower, 1, 1e-9);
  EXPECT_NEAR(twice.absolute.value, 7.5, 1e-9);
  EXPECT_LT(twice.absolute.lower, 7.5);
}

}  // namespace
}  // namespace lockstep
