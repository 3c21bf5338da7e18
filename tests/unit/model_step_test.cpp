#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"
#include "tests/unit/told_steps.hpp"

namespace lockstep {
namespace {

using test::free_network;
using test::join;
using test::make_point;
using test::quiet;
using test::run_one;

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST(Pipeline, BubbleIsThePublishedFormula) {
  // Narayanan et al. (arXiv 2104.04473), section 2.2: (p - 1) / (v m) from m = p on.
  for (const auto& [pipeline, stages, microbatches] :
       {std::array{2, 1, 2}, {4, 2, 8}, {8, 4, 19}, {1, 4, 5}}) {
    SCOPED_TRACE(fmt::format("{} {} {}", pipeline, stages, microbatches));
    const std::string lines =
        join(quiet, free_network,
             fmt::format("fleet.chips=H100:{}\njob.pipeline={}\njob.virtual_stages={}\n"
                         "job.stage_imbalance=0\njob.sequence_length=1000\njob.tokens_per_batch={}",
                         2 * pipeline, pipeline, stages, 2000 * microbatches));
    const auto point = make_point(lines);
    const double bubble = (pipeline - 1.0) / (stages * microbatches);
    EXPECT_DOUBLE_EQ(point->bubble(1), bubble);
    const TrialResult result = train(*point, 0, 1).result;
    const double compute = point->work().chip_time[0];
    EXPECT_NEAR(result.compute_time[0], compute * (1 + bubble), 1e-12 * compute);
    // The bubble is waiting.
    EXPECT_NEAR(result.wait_fraction, bubble / (1 + bubble), 1e-9);
    EXPECT_NEAR(result.mfu, test::default_efficiency() / (1 + bubble), 1e-9);
  }
}

TEST(Pipeline, TheRemainderIsWaitedFor) {
  // 3 microbatches on the first replica, 2 on the second: the second is done a third earlier.
  const TrialResult result = run_one(join(quiet, free_network, R"(
    fleet.chips=H100:4
    job.pipeline=2
    job.virtual_stages=1
    job.stage_imbalance=0
    job.sequence_length=1000
    job.tokens_per_batch=5000)"));
  EXPECT_NEAR(result.wait_fraction, 1 - (3.0 + 2.0) / 2 / (3 + 1), 1e-9);
}

TEST(Pipeline, TheSlowestStageSetsThePace) {
  // A replica across two generations: the stage on H100 keeps the one on GB200 waiting.
  const TrialResult result = run_one(join(quiet, free_network, R"(
    fleet.chips=H100:1, GB200:1
    job.pipeline=2
    job.virtual_stages=1
    job.stage_imbalance=0
    job.sequence_length=1000
    job.tokens_per_batch=1000000)"));
  // The first microbatch is on its way to the GB200 and back for longer than the one forward pass
  // that fills the time.
  const double stretched = 1 + (989.4 / 2500 - 1.0 / 3) / 1000;
  EXPECT_NEAR(result.wait_fraction_by_generation[0], 1 - 1 / stretched, 1e-9);
  EXPECT_NEAR(result.wait_fraction_by_generation[1], 1 - 989.4 / 2500 / stretched, 1e-9);
}

// One microbatch of 3 s a chip: of the backward pass of 2 s hides overlap x all but the first
// bucket, and the last bucket leaves after it.
struct OverlapCase {
  const char* kind;
  double overlap, bytes;
};
class Overlap : public testing::TestWithParam<OverlapCase> {};

TEST_P(Overlap, HidesItsWindowAndNoMore) {
  const auto& c = GetParam();
  const auto lines = [&](double buffer) {
    return join(quiet, test::one_phase,
                fmt::format(R"(
    fleet.chips=H100:64
    topology.kind={}
    job.compute_time=3s
    job.overlap={}
    job.gradient_bytes={}B
    fabric.hop_latency=5us
    fabric.hop_bandwidth=1GB/s)",
                            c.kind, c.overlap, buffer));
  };
  const auto point = make_point(lines(c.bytes));
  const TrialResult result = train(*point, 0, 1).result;
  const double collective = point->noise_free_communication_time();
  const double bucket =
      make_point(lines(c.bytes / 4) + "\njob.buckets=1")->noise_free_communication_time();
  EXPECT_NEAR(collective, 4 * bucket, 1e-12 * collective) << "four calls";
  const double window = c.overlap * 2 * test::hiding_share;
  ASSERT_GT(bucket, 0);
  ASSERT_GT(collective, bucket);
  ASSERT_GT(point->clipping_time(), 0);
  const double expected = std::max(bucket, collective - window) + point->clipping_time();
  for (double time : result.communication_time) EXPECT_NEAR(time, expected, 1e-12);
  for (double time : result.step_time) EXPECT_NEAR(time, 3 + expected, 1e-12);
  EXPECT_NEAR(result.wait_fraction, 0, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(
    WindowAndSize, Overlap,
    testing::Values(OverlapCase{"ring", 0, 1e9}, OverlapCase{"ring", 0.5, 1e6},
                    OverlapCase{"ring", 0.5, 1e9}, OverlapCase{"ring", 1, 1e9},
                    OverlapCase{"tree", 0.5, 1e6}, OverlapCase{"tree", 0.25, 1e9},
                    OverlapCase{"ocs_torus", 0.5, 1e6}, OverlapCase{"ocs_torus", 0.1, 5e9}),
    [](const auto& instance) { return fmt::format("{}_{}", instance.param.kind, instance.index); });

TEST(OverlapWindow, IsOfTheLastMicrobatchOnly) {
  for (int microbatches : {1, 2, 4}) {
    const auto point = make_point(join(quiet, test::one_phase,
                                       fmt::format(R"(
      fleet.chips=H100:8
      topology.kind=ring
      job.pipeline=2
      job.virtual_stages=1
      job.stage_imbalance=0
      job.sequence_length=1000
      job.tokens_per_batch={}
      job.overlap=1
      job.gradient_clipping=off
      fabric.hop_latency=0s
      fabric.hop_bandwidth=1e11B/s)",
                                                   4000 * microbatches)));
    const TrialResult result = train(*point, 0, 1).result;
    // 2 (3/4) of the buffer of half the model.
    EXPECT_NEAR(point->noise_free_communication_time(), 1.5 * 405e9 * 4 / 2 / 1e11, 1e-9);
    // One microbatch on one chip, of which two thirds hide behind the first stage, the last one to
    // be done.
    const double one = 1000 * point->scenario().job.model.flops_per_token() / 2 /
                       (test::default_efficiency() * 989.4e12);
    const double exposed =
        point->noise_free_communication_time() - one * 2 / 3 * test::hiding_share;
    ASSERT_GT(exposed, 0);
    EXPECT_NEAR(result.communication_time[0], exposed, 1e-9) << microbatches;
  }
}

TEST(Clipping, OffEqualsOnWithoutScalarTimeWhereNothingIsSkewed) {
  for (const char* kind : {"ring", "ocs_torus"}) {
    SCOPED_TRACE(kind);
    const std::string with_kind = join(quiet, fmt::format("topology.kind={}", kind), R"(
      fleet.chips=H100:64
      job.gradient_bytes=1GB
      fabric.hop_latency=0s
      fabric.hop_bandwidth=1GB/s)");
    const TrialResult on = run_one(with_kind);
    const TrialResult off = run_one(with_kind + "\njob.gradient_clipping=off");
    ASSERT_EQ(on.step_time.size(), 10u);
    for (std::size_t s = 0; s < on.step_time.size(); ++s) {
      EXPECT_NEAR(off.step_time[s], on.step_time[s], 1e-7);  // a few bytes take some ns
      EXPECT_NEAR(off.communication_time[s], on.communication_time[s], 1e-7);
    }
    EXPECT_NEAR(off.wait_fraction, on.wait_fraction, 1e-7);
    EXPECT_NEAR(off.mfu, on.mfu, 1e-7);
  }
}

const std::string skewed = join(test::one_phase, R"(
  job.virtual_stages=1
  job.buckets=1
  fleet.chip_spread=0.05
  noise.step_jitter=0
  noise.operation_jitter=0
  noise.spike_probability=0.01
  noise.spike_delay=exponential(mean=1s)
  noise.slow_link_fraction=0.1
  job.gradient_clipping=off
  job.tokens_per_chip=4096
  job.tensor=2
  job.pipeline=2
  fleet.chips=H100:64, GB200:32
  sampling.steps=20)");

TEST(Clipping, OffCarriesSkewAndTelescopes) {
  for (const char* kind : {"topology.kind=ring", "topology.kind=tree", "topology.kind=ocs_torus"}) {
    SCOPED_TRACE(kind);
    const auto point = make_point(join(skewed, kind));
    const TrialResult result = train(*point, 3, 1).result;
    const std::vector<double> latest = test::told(*point, 3, 20).latest;
    double total = 0;
    for (std::size_t s = 0; s < 20; ++s) {
      total += result.step_time[s];
      EXPECT_NEAR(total, latest[s], 1e-9 * latest[s]) << "step " << s;
    }
    // There is something to carry: aligned, the same steps take another time.
    const TrialResult aligned = run_one(join(skewed, kind, "job.gradient_clipping=on"), 1, 3);
    EXPECT_GT(std::fabs(sum(aligned.step_time) - total), 1e-6 * total);
  }
}

// However much of the backward pass hides gradients, a step waits for its slowest chip: on a
// network that costs nothing, clipping makes no difference.
TEST(Clipping, OffDoesNotLetFastChipsRunAhead) {
  const std::string lines = join(free_network, R"(
    fleet.chips=H100:256, GB200:72
    noise.step_jitter=0.05
    job.overlap=1)");
  const TrialResult on = run_one(lines);
  const TrialResult off = run_one(lines + "\njob.gradient_clipping=off");
  for (std::size_t s = 0; s < on.step_time.size(); ++s)
    EXPECT_NEAR(off.step_time[s], on.step_time[s], 1e-9);
  EXPECT_NEAR(off.wait_fraction, on.wait_fraction, 1e-9);
  EXPECT_GT(on.wait_fraction, 0.1);
}

TEST(Clipping, OnStartsEveryStepTogether) {
  // Steps differ in nothing once spikes are off, and step 1 is like the others.
  const TrialResult result =
      run_one(join(skewed, "job.gradient_clipping=on\nnoise.spike_probability=0"));
  for (double time : result.step_time) EXPECT_EQ(time, result.step_time[0]);
}

TEST(Warmup, StepsAreRunAndDiscarded) {
  const std::string lines = join(skewed, "noise.step_jitter=0.01\ntopology.kind=tree");
  const TrialResult all = run_one(join(lines, "sampling.steps=12"));
  const TrialResult late = run_one(join(lines, "sampling.steps=7\nsampling.warmup_steps=5"));
  ASSERT_EQ(late.step_time.size(), 7u);
  for (std::size_t s = 0; s < 7; ++s) {
    EXPECT_EQ(late.step_time[s], all.step_time[s + 5]);
    EXPECT_EQ(late.compute_time[s], all.compute_time[s + 5]);
    EXPECT_EQ(late.communication_time[s], all.communication_time[s + 5]);
  }
  // Shares count the recorded steps alone.
  const double flops = make_point(lines)->work().flops;
  const double peak = (64 * 989.4 + 32 * 2500) * 1e12;
  EXPECT_NEAR(late.mfu, flops * 7 / (peak * sum(late.step_time)), 1e-12);
  // What did not wait adds up: the first five steps and the seven after them are the twelve.
  const auto used = [&](std::string_view counts) {
    const TrialResult r = run_one(join(lines, "job.gradient_clipping=on", counts));
    return (1 - r.wait_fraction) * sum(r.step_time);
  };
  const double twelve = used("sampling.steps=12");
  EXPECT_NEAR(used("sampling.steps=5") + used("sampling.steps=7\nsampling.warmup_steps=5"), twelve,
              1e-9 * twelve);
}

/// Keeps what chips did in the last step, and adds up how long they were busy.
struct BusyChips final : StepObserver {
  std::vector<double> last;
  double all = 0;
  void see(const StepView& step) override {
    last.assign(step.busy.begin(), step.busy.end());
    all += sum(last);
  }
};

// Kingma and Ba's states of 12 bytes a parameter go through the memory once, whole on every chip.
TEST(Shares, OfABusyChipCountItsOptimizer) {
  for (const char* noise : {"", "noise.step_jitter=0.05\nnoise.imbalance=0.1"}) {
    const auto point = make_point(join(quiet, free_network, R"(
      fleet.chips=H100:4, GB200:4
      job.model_parameters=8e9
      job.optimizer_bytes=12
      job.sync_every=2
      sampling.warmup_steps=1
      sampling.steps=4)",
                                       noise));
    BusyChips seen;
    TrainingSteps steps(*point, 0, 1);
    StepObserver* const looking[] = {&seen};
    steps.run(looking);
    EXPECT_NEAR(sum(steps.busy()), seen.all, 1e-12 * seen.all) << noise;
    ASSERT_EQ(seen.last.size(), 8u);
    for (std::size_t i = 0; i < 8 && *noise == 0; ++i) {
      const Chip& chip = point->scenario().fleet.generations[point->layout().generation[i]].chip;
      const double own = point->work().chip_time[i] + 12 * 8e9 / chip.hbm_bandwidth;
      EXPECT_NEAR(seen.last[i], own, 1e-12 * own) << i;
    }
  }
}

TEST(Shares, CountIdleChipsInMfuOnly) {
  // 10 chips, replicas of 4: two idle.
  const TrialResult result = run_one(
      join(quiet, free_network, "fleet.chips=H100:10\njob.tensor=4\njob.kernel_efficiency=0.5"));
  EXPECT_NEAR(result.mfu_used, 0.5, 1e-9);
  EXPECT_NEAR(result.mfu, 0.4, 1e-9);
}

TEST(Shares, AreAbsentWithComputeTime) {
  const TrialResult result = run_one(join(quiet, "fleet.chips=H100:8\njob.compute_time=1s"));
  EXPECT_TRUE(std::isnan(result.mfu));
  EXPECT_TRUE(std::isnan(result.mfu_used));
  // And the optimizer's 30 bytes a parameter of one of eight shards, at 3.35 TB/s.
  EXPECT_NEAR(result.compute_time[0], 1 + 405e9 / 8 * 30 / 3.35e12, 1e-12);
}

TEST(Shares, AGenerationWithoutWorkHasNoWait) {
  const TrialResult result = run_one(join(quiet, "fleet.chips=H100:16, GB200:3\njob.tensor=8"));
  ASSERT_EQ(result.wait_fraction_by_generation.size(), 2u);
  EXPECT_FALSE(std::isnan(result.wait_fraction_by_generation[0]));
  EXPECT_TRUE(std::isnan(result.wait_fraction_by_generation[1]));
}

}  // namespace
}  // namespace lockstep
