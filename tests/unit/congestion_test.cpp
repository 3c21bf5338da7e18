#include "engine/noise/congestion.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/training/trial/trial.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

constexpr int trials = 20000;
constexpr auto leaf = static_cast<std::size_t>(Tier::leaf);
constexpr auto core = static_cast<std::size_t>(Tier::core);
const CongestionLaw uniform{Distribution::parse("uniform(low=1, high=3)", Dimension::none), 10};

/// (factor - 1) / 2, a uniform in (0, 1) if all is right, at the start of step `step` (0 = first)
/// where every step lasts `gap` [s].
double place(std::uint32_t trial, int step, double gap, std::size_t tier) {
  Congestion congestion(uniform, {7, purpose::congestion, trial});
  for (int s = 0; s <= step; ++s) congestion.advance(s * gap);
  return (congestion.factors()[tier] - 1) / 2;
}

TEST(Congestion, HasItsLawFromTheFirstStepOn) {
  for (int step : {0, 1, 30}) {
    double below = 0, mean = 0;
    for (std::uint32_t t = 0; t < trials; ++t) {
      const double u = place(t, step, 5, leaf);
      mean += u / trials;
      below += u < 0.1 ? 1.0 / trials : 0;
    }
    const double mean_sd = std::sqrt(1.0 / 12 / trials), share_sd = std::sqrt(0.09 / trials);
    EXPECT_LT(std::abs(mean - 0.5), 5 * mean_sd) << step;
    EXPECT_LT(std::abs(below - 0.1), 5 * share_sd) << step;
    // The control: a process begun at its mean has spread sqrt(1 - exp(-2 gap / time)) of the law's
    // after one step; at gap = time / 2 its share below 0.1 is 0.051 instead.
    EXPECT_GT(std::abs(below - 0.051), 5 * share_sd) << step;
  }
}

TEST(Congestion, IsCorrelatedInTimeAndNotBetweenTiers) {
  // Uniforms of a Gaussian copula of correlation r have correlation 6 / pi asin(r / 2) (Kruskal,
  // Ordinal measures of association, JASA 1958).
  constexpr double pi = 3.14159265358979323846;
  const auto correlation = [&](double gap, std::size_t other) {
    double sum = 0;
    for (std::uint32_t t = 0; t < trials; ++t)
      sum += (place(t, 3, gap, leaf) - 0.5) * (place(t, 4, gap, other) - 0.5);
    return 12 * sum / trials;
  };
  const double sd = 1 / std::sqrt(static_cast<double>(trials));
  for (double gap : {1.0, 10.0, 30.0}) {
    const auto expected = [&](double time) {
      return 6 / pi * std::asin(std::exp(-gap / time) / 2);
    };
    const double measured = correlation(gap, leaf);
    EXPECT_LT(std::abs(measured - expected(10)), 5 * sd) << gap;
    EXPECT_GT(std::abs(measured - expected(gap < 5 ? 5 : 20)), 5 * sd) << gap;  // the control
  }
  EXPECT_LT(std::abs(correlation(1, core)), 5 * sd);
}

TEST(Congestion, SlowsTheNetworkLikeLinksThatAreAllSlow) {
  const std::string study =
      "fleet.chips=H100:512\njob.tensor=8\nsampling.steps=3\nfabric.leaf_chips=32\n"
      "fabric.pod_chips=128\ntopology.kind=";
  for (const std::string kind : {"ring", "tree", "hierarchical_ring"}) {
    const auto time = [&](const std::string& noise) {
      const auto point = test::make_point(study + kind + "\n" + noise);
      return train(*point, 4, 1).result.step_time;
    };
    const auto congested = time("noise.congestion=2");
    const auto slow = time("noise.slow_link_fraction=1\nnoise.slow_link_factor=2");
    const auto clear = time("");
    for (std::size_t s = 0; s < clear.size(); ++s) {
      EXPECT_DOUBLE_EQ(congested[s], slow[s]) << kind;
      EXPECT_GT(congested[s], 1.001 * clear[s]) << kind;
    }
  }
}

}  // namespace
}  // namespace lockstep
