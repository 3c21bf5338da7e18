// Intervals of studies that a stopping rule ended: they must cover as those of a fixed number of
// trials do.

#include <gtest/gtest.h>

#include <cstdio>
#include <ostream>

#include "engine/run/convergence/convergence.hpp"
#include "tests/validation/coverage_case.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t block_trials = 16;

struct UntilCase {
  CoverageCase sampled;
  const char* rule;
  double p;  // 0: the mean
  std::int64_t least;
};

void PrintTo(const UntilCase& c, std::ostream* out) {
  *out << c.sampled.law.name << ", " << c.rule;
}

struct Ended {
  int covered = 0, met = 0;
  double trials = 0;
};

/// Runs so many studies until the rule, judged at `level` at the looks that `next` gives.
template <class Next>
Ended run_all(const UntilCase& c, int studies, double level, Next next) {
  const StoppingRule rule = parse_stopping_rule(c.rule);
  constexpr std::int64_t most = 20000;
  Ended ended;
  const double truth = c.p == 0 ? c.sampled.mean() : c.sampled.quantile(c.p);
  for (int study = 0; study < studies; ++study) {
    std::vector<double> x;
    std::int64_t have = 0;
    for (std::int64_t trials = first_look(c.least, most, block_trials);;
         trials = next(trials, most)) {
      const auto more =
          c.sampled.draw(static_cast<std::uint32_t>(study), have, trials - have).first;
      x.insert(x.end(), more.begin(), more.end());
      have = trials;
      const bool met = rule.excess(rule.estimate(x, c.sampled.steps, {}, level)) <= 1;
      if (!met && trials < most) continue;
      const Estimate shown = rule.estimate(x, c.sampled.steps, {}, shown_level);
      ended.covered += shown.lower <= truth && truth <= shown.upper;
      ended.met += met;
      ended.trials += static_cast<double>(trials) / studies;
      break;
    }
  }
  std::printf("%s, %s, at least %d trials: covered %.4f of %d, met in %d, %.0f trials\n",
              c.sampled.law.name, c.rule, static_cast<int>(c.least),
              ended.covered / static_cast<double>(studies), studies, ended.met, ended.trials);
  return ended;
}

class Until : public testing::TestWithParam<UntilCase> {};

TEST_P(Until, KeepsTheCoverage) {
  constexpr int studies = COVERAGE_STUDIES;
  const Ended ended =
      run_all(GetParam(), studies, judged_level,
              [](std::int64_t n, std::int64_t most) { return next_look(n, most, block_trials); });
  EXPECT_GE(ended.covered, studies * least_share(studies));
  EXPECT_GT(ended.met, studies * 9 / 10);
  EXPECT_GT(ended.trials, static_cast<double>(GetParam().least) * 1.1) << "the rule had no part";
}

INSTANTIATE_TEST_SUITE_P(
    Rules, Until,
    testing::Values(UntilCase{{normal, 0, 1, 0}, "mean(x) within 0.7%", 0, 100},
                    UntilCase{{exponential, 0, 1, 0}, "mean(x) within 12%", 0, 100},
                    UntilCase{{lognormal, 0, 1, 0}, "mean(x) within 12%", 0, 100},
                    UntilCase{{lognormal, 0, 5, 0.5}, "mean(x) within 12%", 0, 100},
                    UntilCase{{normal, 0, 5, 0.5}, "p50(x) within 1%", 0.5, 100},
                    UntilCase{{exponential, 0, 5, 0.5}, "p95(x) within 12%", 0.95, 100},
                    UntilCase{{normal, 0, 5, 0.5}, "p99(x) within 2%", 0.99, 100},
                    UntilCase{{lognormal, 0, 1, 0}, "p99(x) within 40%", 0.99, 100}));

// Negative control: from 16 trials on, judged after every trial at the level shown, a study stops
// where its trials look alike by chance.
TEST(UntilControl, ManyEarlyLooksLoseCoverage) {
  constexpr int studies = 2000;
  const UntilCase c{{lognormal, 0, 1, 0}, "mean(x) within 40%", 0, 16};
  const Ended ended = run_all(c, studies, shown_level, [](std::int64_t n, std::int64_t most) {
    return std::min(most, n + 1);
  });
  EXPECT_LT(ended.covered, studies * least_share(studies));
}

}  // namespace
}  // namespace lockstep
