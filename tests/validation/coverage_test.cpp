// The 95 % intervals of engine/statistics over synthetic studies of known truth: each must cover in
// 95 % of them less the binomial error. COVERAGE_STUDIES is larger in the binary labelled long.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/paired_difference.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "tests/validation/coverage_case.hpp"

namespace lockstep {
namespace {

constexpr int studies = COVERAGE_STUDIES;
constexpr int bootstrapped = studies / 4;  // each costs as much as a hundred others

class Coverage : public testing::TestWithParam<CoverageCase> {};

TEST_P(Coverage, IsAtLeastWhatItSaysAndNoWiderThanDue) {
  const CoverageCase& c = GetParam();
  const std::array shares{0.5, 0.99};
  const std::array names{"mean",     "p50",    "p99",    "difference of means",
                         "relative", "of p50", "of p99", "relative of p99"};
  // Of a normal value known to its spread 1; what order statistics and the hulls of two limits add.
  const std::array widest{1.5, 1.4, 2.2, 1.4, 1.4, 1.6, 2.0, 2.0};
  std::array<Count, 8> counts;
  for (int study = 0; study < studies; ++study) {
    const auto [x, y] = c.draw(static_cast<std::uint32_t>(study), 0, c.trials);
    counts[0].add(mean_estimate(trial_means(x, c.steps)), c.mean());
    const PooledSteps pooled(x, c.steps);
    for (std::size_t q = 0; q < 2; ++q)
      counts[1 + q].add(pooled.quantile(shares[q]), c.quantile(shares[q]));
    const PairedDifference mean = mean_difference(x, y, c.steps);
    counts[3].add(mean.absolute, 0.1 * c.mean());
    counts[4].add(mean.relative, 0.1);
    if (study >= bootstrapped) continue;
    const auto differences = quantile_differences(x, y, c.steps, shares);
    counts[5].add(differences[0].absolute, 0.1 * c.quantile(0.5));
    counts[6].add(differences[1].absolute, 0.1 * c.quantile(0.99));
    counts[7].add(differences[1].relative, 0.1);
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    std::printf("%-20s %.4f of %d, both ends in %.2f, width %.3f\n", names[i], counts[i].share(),
                counts[i].of, counts[i].resolved / static_cast<double>(counts[i].of),
                counts[i].excess_width());
    EXPECT_GE(counts[i].share(), least_share(counts[i].of)) << names[i];
    if (counts[i].resolved > bootstrapped / 2) {
      EXPECT_LT(counts[i].excess_width(), widest[i]) << names[i];
    }
  }
  EXPECT_EQ(counts[1].resolved, studies) << "p50 has both ends";
}

std::string name_of(const testing::TestParamInfo<CoverageCase>& info) {
  return std::string(info.param.law.name) + "_" + std::to_string(info.param.trials) + "x" +
         std::to_string(info.param.steps) + (info.param.within > 0 ? "_correlated" : "");
}

INSTANTIATE_TEST_SUITE_P(
    Trials, Coverage,
    testing::Values(CoverageCase{normal, 100, 1, 0}, CoverageCase{exponential, 100, 1, 0},
                    CoverageCase{lognormal, 100, 1, 0}, CoverageCase{lognormal, 400, 1, 0},
                    CoverageCase{pareto_4, 400, 1, 0}, CoverageCase{slow_hundredth, 1000, 1, 0}),
    name_of);
INSTANTIATE_TEST_SUITE_P(Steps, Coverage,
                         testing::Values(CoverageCase{normal, 50, 10, 0.5},
                                         CoverageCase{lognormal, 100, 10, 0.5},
                                         CoverageCase{exponential, 400, 5, 0.9},
                                         CoverageCase{lognormal, 100, 10, 0}),
                         name_of);

// Negative control: steps of one trial taken for independent ones fail the same check, by far.
TEST(CoverageControl, CorrelatedStepsAreNotIndependent) {
  const CoverageCase c{lognormal, 100, 10, 0.5};
  Count mean, median, tail;
  for (int study = 0; study < studies; ++study) {
    const auto x = c.draw(static_cast<std::uint32_t>(study), 0, c.trials).first;
    mean.add(mean_estimate(x), c.mean());
    median.add(PooledSteps(x, 1).quantile(0.5), c.quantile(0.5));
    tail.add(PooledSteps(x, 1).quantile(0.95), c.quantile(0.95));
  }
  std::printf("mean %.4f, p50 %.4f, p95 %.4f\n", mean.share(), median.share(), tail.share());
  for (const Count& count : {mean, median, tail}) EXPECT_LT(count.share(), least_share(studies));
}

// Negative control of the widths: limits at 99.9 % are seen to be too wide.
TEST(CoverageControl, WiderIntervalsAreNotDue) {
  const CoverageCase c{normal, 100, 1, 0};
  Count count;
  for (int study = 0; study < studies; ++study)
    count.add(
        mean_estimate(c.draw(static_cast<std::uint32_t>(study), 0, c.trials).first, {}, 0.999),
        c.mean());
  EXPECT_GT(count.excess_width(), 1.5);
}

// Negative control of the mean: 1.96 standard errors on skewed trials.
TEST(CoverageControl, SkewedTrialsAreNotNormal) {
  const CoverageCase c{lognormal, 30, 1, 0};
  int covered = 0;
  for (int study = 0; study < studies; ++study) {
    const auto x = c.draw(static_cast<std::uint32_t>(study), 0, c.trials).first;
    double sum = 0, squares = 0;
    for (double value : x) sum += value;
    for (double value : x) squares += (value - sum / 30) * (value - sum / 30);
    covered += std::fabs(sum / 30 - c.mean()) <= 1.96 * std::sqrt(squares / 29 / 30);
  }
  EXPECT_LT(covered, studies * least_share(studies));
}

// What no interval from the trials alone can do: where slow trials are rarer than one in n, or the
// tail is so heavy that the largest trial seen bounds it badly, the mean's interval falls short.
TEST(CoverageLimit, OfTheMeanUnderUnseenTails) {
  struct Limit {
    CoverageCase c;
    double least;  // what was measured, less three standard deviations
  };
  for (const Limit& limit : {Limit{{slow_hundredth, 100, 1, 0}, 0.87},
                             Limit{{pareto_2_5, 100, 1, 0}, 0.92},
                             {{lognormal, 20, 1, 0}, 0.92}}) {
    Count mean;
    for (int study = 0; study < studies; ++study)
      mean.add(
          mean_estimate(limit.c.draw(static_cast<std::uint32_t>(study), 0, limit.c.trials).first),
          limit.c.mean());
    std::printf("%s, %d trials: %.4f\n", limit.c.law.name, static_cast<int>(limit.c.trials),
                mean.share());
    EXPECT_GE(mean.share(), limit.least - 3 * std::sqrt(0.1 * 0.9 / studies)) << limit.c.law.name;
  }
}

}  // namespace
}  // namespace lockstep
