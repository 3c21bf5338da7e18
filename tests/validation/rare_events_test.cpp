// Intervals of what rare events move: counts, losses and shares of few events cover, are no wider
// than due, and certainty is never claimed of trials that are all alike.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "engine/base/elementary.hpp"
#include "engine/base/random.hpp"
#include "engine/statistics/beta.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "tests/validation/coverage_case.hpp"

namespace lockstep {
namespace {

constexpr int studies = COVERAGE_STUDIES;

/// Poisson by inversion.
double poisson(double mean, double u) {
  double term = elementary::exp(-mean), sum = term, k = 0;
  for (; u > sum && k < 1000; sum += term) term *= mean / ++k;
  return k;
}

struct RareLaw {
  const char* name;
  Support support;
  double (*draw)(double rate, double u, double v);  ///< u, v uniform
  double (*mean)(double rate);
};

const RareLaw counts{"counts", Support::count(),
                     [](double rate, double u, double) { return poisson(rate, u); },
                     [](double rate) { return rate; }};
/// Two events at once in every fifth case.
const RareLaw batches{
    "batches", Support::count(),
    [](double rate, double u, double v) { return poisson(rate, u) * (v < 0.2 ? 2 : 1); },
    [](double rate) { return 1.2 * rate; }};
/// Each event costs between half an hour and one and a half of 100.
const RareLaw losses{"losses", Support::loss(100),
                     [](double rate, double u, double v) { return poisson(rate, u) * (0.5 + v); },
                     [](double rate) { return rate; }};
const RareLaw yields{"yields", Support::yield(),
                     [](double rate, double u, double v) {
                       return 0.9 - std::min(0.9, poisson(rate, u) * 0.01 * (0.5 + v));
                     },
                     [](double rate) { return 0.9 - 0.01 * rate; }};

struct RareCase {
  RareLaw law;
  double rate;
  int trials;
};

void PrintTo(const RareCase& c, std::ostream* out) {
  *out << c.law.name << ", " << c.rate << " a trial, " << c.trials << " trials";
}

std::vector<double> sample(const RareCase& c, int study) {
  const Stream stream{
      .seed = 77, .purpose = Purpose{200}, .trial = static_cast<std::uint32_t>(study)};
  std::vector<double> values;
  for (std::uint64_t t = 0; t < static_cast<std::uint64_t>(c.trials); ++t)
    values.push_back(c.law.draw(c.rate, stream.uniform(t, 0), stream.uniform(t, 1)));
  return values;
}

class RareEvents : public testing::TestWithParam<RareCase> {};

TEST_P(RareEvents, AreCovered) {
  const RareCase& c = GetParam();
  Count count;
  double due = 0;
  for (int study = 0; study < studies; ++study) {
    const std::vector<double> values = sample(c, study);
    const Estimate e = mean_estimate(values, c.law.support);
    EXPECT_LE(e.lower, e.value);
    EXPECT_LE(e.value, e.upper);
    EXPECT_GE(e.lower, 0) << "nothing here is negative";
    count.add(e, c.law.mean(c.rate));
    const Estimate exact = rate_estimate(std::round(e.value * c.trials), c.trials);
    due += exact.upper - exact.lower;
  }
  std::printf("%s, %g x %d: %.4f of %d, width %.3f of Garwood's\n", c.law.name, c.rate, c.trials,
              count.share(), studies, count.width / due);
  EXPECT_GE(count.share(), least_share(studies));
  if (c.law.draw == counts.draw) {
    EXPECT_LT(count.width, 1.4 * due);
  }
}

std::vector<RareCase> all_cases() {
  std::vector<RareCase> cases;
  for (const RareLaw& law : {counts, batches, losses, yields})
    for (double rate : {0.01, 0.03, 0.1, 0.3, 1.0, 3.0})
      for (int trials : {16, 50, 200}) cases.push_back({law, rate, trials});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Rates, RareEvents, testing::ValuesIn(all_cases()));

// Negative control: the interval of skewed values alone, which takes trials without an event for
// certainty.
TEST(RareEventsControl, SkewnessAloneDoesNotCover) {
  for (double rate : {0.01, 0.03}) {
    const RareCase c{counts, rate, 50};
    Count count;
    for (int study = 0; study < studies; ++study) count.add(mean_estimate(sample(c, study)), rate);
    EXPECT_LT(count.share(), least_share(studies)) << rate;
  }
}

// What rare events leave of a yield under dense noise of the trials, with their number in each.
// Negative control: without the numbers, the trials all differ, and those that no event hit look
// like certainty.
TEST(YieldsUnderNoise, AreCoveredWhereEventsAreCounted) {
  for (double rate : {0.01, 0.03, 0.1, 1.0}) {
    Count counted, blind;
    for (int study = 0; study < studies; ++study) {
      const Stream stream{
          .seed = 78, .purpose = Purpose{200}, .trial = static_cast<std::uint32_t>(study)};
      std::vector<double> values, events;
      for (std::uint64_t t = 0; t < 50; ++t) {
        events.push_back(poisson(rate, stream.uniform(t, 0)));
        const double noise = 1e-5 * elementary::normal_quantile(stream.uniform(t, 1));
        values.push_back(0.9 + noise - 0.01 * events.back() * (0.5 + stream.uniform(t, 2)));
      }
      counted.add(mean_estimate(values, Support::yield(), shown_level, events), 0.9 - 0.01 * rate);
      blind.add(mean_estimate(values, Support::yield()), 0.9 - 0.01 * rate);
    }
    std::printf("%g a trial: %.4f, %.4f where they are not counted\n", rate, counted.share(),
                blind.share());
    EXPECT_GE(counted.share(), least_share(studies)) << rate;
    if (rate < 0.1) {
      EXPECT_LT(blind.share(), least_share(studies)) << rate;
    }
  }
}

// The time of all trials over their events, whatever share of the trials has none. Negative
// control: the mean over the trials that had one.
TEST(TimeBetweenEvents, IsCovered) {
  constexpr double horizon = 30;
  for (double rate : {0.02, 0.2, 1.0, 5.0}) {
    const RareCase c{counts, rate, 60};
    Count all, some;
    for (int study = 0; study < studies; ++study) {
      std::vector<double> between = sample(c, study);
      for (double& x : between) x = horizon / x;
      all.add(mean_estimate(between, Support::time_between(horizon)), horizon / rate);
      std::erase(between, std::numeric_limits<double>::infinity());
      some.add(mean_estimate(between, Support::quantity()), horizon / rate);
    }
    std::printf("%g a trial: %.4f, %.4f without eventless trials\n", rate, all.share(),
                some.share());
    EXPECT_GE(all.share(), least_share(studies)) << rate;
    EXPECT_LT(some.share(), 0.5) << rate;
  }
}

}  // namespace
}  // namespace lockstep
