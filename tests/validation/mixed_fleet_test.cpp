#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::run_one;

// Kernels at the peak and everything random or in the way off: what is left is the mix.
const std::string ideal = join(test::quiet, test::free_network, R"(
  job.kernel_efficiency=1
  job.gradient_clipping=off
  sampling.steps=2)");
constexpr const char* colossus = "fleet.chips=H100:150000, H200:50000, GB200:20000";

// 220,000 chips at the pace of 989.4 TFLOP/s over 200,000 of 989.4 and 20,000 of 2,500.
constexpr double gated_share = 217668.0 / 247880.0;

TEST(MixedFleet, EqualSharesRunAtTheSlowestGeneration) {
  // The ring, quadratic in its ranks, at a hundredth of the size.
  for (const std::string& fleet :
       {join(colossus, "topology.kind=tree"),
        std::string("fleet.chips=H100:1500, H200:500, GB200:200\ntopology.kind=ring")}) {
    SCOPED_TRACE(fleet);
    const TrialResult result = run_one(join(ideal, fleet));
    EXPECT_NEAR(result.mfu, gated_share, 1e-12);
    EXPECT_EQ(std::round(result.mfu * 1e4), 8781);
    EXPECT_DOUBLE_EQ(result.mfu, result.mfu_used);
    // A GB200 is done after 989.4 / 2500 of the step; the others never wait.
    const double gb200_waits = 1 - 989.4 / 2500;
    ASSERT_EQ(result.wait_fraction_by_generation.size(), 3u);
    EXPECT_NEAR(result.wait_fraction_by_generation[0], 0, 1e-12);
    EXPECT_NEAR(result.wait_fraction_by_generation[1], 0, 1e-12);
    EXPECT_NEAR(result.wait_fraction_by_generation[2], gb200_waits, 1e-12);
    EXPECT_NEAR(result.wait_fraction, gb200_waits * 20000 / 220000, 1e-12);
  }
}

TEST(MixedFleet, ProportionalSharesLoseNothing) {
  // 989.4 : 2500 = 4947 : 12500 sequences a chip.
  const TrialResult result = run_one(join(ideal, colossus,
                                          "job.work_share=proportional\njob.sequence_length=1\n"
                                          "job.tokens_per_batch=1239400000"));
  // Sums over 220,000 chips round in the eleventh digit at worst.
  EXPECT_NEAR(result.mfu, 1, 220000 * 0x1p-53);
  EXPECT_NEAR(result.wait_fraction, 0, 220000 * 0x1p-53);
}

TEST(MixedFleet, GenerationsOfEqualSpeedLoseNothing) {
  const TrialResult result = run_one(join(ideal, "fleet.chips=H100:150000, H200:50000"));
  EXPECT_NEAR(result.mfu, 1, 1e-12);
}

// A gated fleet is slower only by its mix: a stack that halves GB200's speed changes the wait of
// GB200, and nothing else until GB200 becomes the slowest.
TEST(MixedFleet, StackScalesSpeedButNotThePeak) {
  const TrialResult tuned = run_one(join(ideal, colossus));
  const TrialResult half = run_one(join(ideal, colossus, "chip.GB200.stack=0.5"));
  EXPECT_DOUBLE_EQ(half.mfu, tuned.mfu);
  EXPECT_NEAR(half.wait_fraction_by_generation[2], 1 - 989.4 / 1250, 1e-12);
  const TrialResult quarter = run_one(join(ideal, colossus, "chip.GB200.stack=0.25"));
  EXPECT_NEAR(quarter.mfu, gated_share * 625 / 989.4, 1e-12);
  EXPECT_NEAR(quarter.wait_fraction_by_generation[2], 0, 1e-12);
}

}  // namespace
}  // namespace lockstep
