#include "engine/reliability/members/members.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/error.hpp"
#include "engine/reliability/checkpoint.hpp"
#include "engine/reliability/failures/failures.hpp"
#include "engine/training/trial/training_step.hpp"
#include "tests/unit/long_run_values.hpp"

namespace lockstep {
namespace {

using test::free_network;
using test::join;
using test::LongRunPoint;
using test::quiet;
using test::values_of;

constexpr double hour = 3600, day = 24 * hour;

/// Steps kept over the horizon with every one of them simulated: spares always at hand, nodes
/// replaced one by one, no stragglers evicted.
double every_step(const LongRunPoint& long_run, std::uint32_t trial) {
  const DesignPoint& point = *long_run.point;
  const Reliability& r = long_run.run.reliability();
  const LongRunJob& job = long_run.run.job();
  const double first = mean_step(TrainingSteps(point, trial, 1).run()).step_time;
  const double between = steps_between_checkpoints(r, interruption_rate(r, job), first);
  TrialChips chips = draw_chips(point, trial);
  std::vector<std::uint32_t> occupant(static_cast<std::size_t>(job.nodes));
  Failures failures(r, job, point.scenario().seed, trial);
  double now = 0, kept = 0;
  std::uint32_t span = 0;
  for (Failure failure = failures.next(); now < r.horizon; failure = failures.next()) {
    // Each span's noise is its own.
    TrainingSteps steps(point, trial + 1000 * ++span, 1, chips);
    const double end = std::min(failure.time, r.horizon);
    double unsaved = 0;
    while (now < end) {
      const double done = now + steps.next().step_time;
      if (done > end) break;
      now = done;
      if (++unsaved < between) continue;
      now += r.checkpoint_write_time;
      if (now > end) break;
      kept += unsaved;
      unsaved = 0;
    }
    if (failure.time >= r.horizon) return kept + unsaved;
    const auto node = static_cast<std::size_t>(failure.nodes.first);
    const auto positions = long_run.run.nodes().chips(failure.nodes.first, failure.nodes.last);
    replace_chips(point, trial, positions, ++occupant[node], nullptr, chips);
    now = failure.time + r.detection_time + r.restart_time;
  }
  return kept;
}

TEST(Members, PoolOfStepsIsWithinHalfAPercentOfEveryStepSimulated) {
  for (const auto& [noise, matters] : {std::pair("noise.straggler_fraction=0", false),
                                       {"noise.straggler_fraction=0.002", true},
                                       {"noise.slow_link_fraction=0.002", true}}) {
    SCOPED_TRACE(noise);
    const LongRunPoint point(join(R"(
      fleet.chips=H100:512
      job.tensor=2
      job.compute_time=10s
      job.gradient_bytes=400GB
      job.overlap=0
      topology.kind=ring
      noise.straggler_slowdown=1.3
      reliability.horizon=1d
      reliability.node_failure_rate=0.8/d
      reliability.restart_time=2min
      reliability.checkpoint_write_time=2s)",
                                  noise));
    double worst = 0, alike = 0;
    for (std::uint32_t trial = 0; trial < 8; ++trial) {
      const double every = every_step(point, trial);
      const double pooled = point.of_trial(trial).steps_done;
      worst = std::max(worst, std::abs(pooled / every - 1));
      EqualStepTimes equal(mean_step(TrainingSteps(*point.point, trial, 1).run()).step_time, 0,
                           point.point->layout().replicas);
      const LongRun run =
          run_over_horizon(point.run.reliability(), point.run.job(), equal, 1, trial, 1);
      alike = std::max(alike, std::abs(run.steps_done / every - 1));
    }
    RecordProperty("worst", fmt::format("{:.3f} %", 100 * worst));
    EXPECT_LT(worst, 0.005);
    // The control: with stragglers it matters who is in the job.
    EXPECT_EQ(alike > 0.01, matters) << alike;
  }
}

TEST(Members, StepTimeFollowsTheSlowestChip) {
  const LongRunPoint point(join(quiet, free_network, R"(
    fleet.chips=H100:64
    reliability.horizon=1d
    reliability.spare_generation=A100)"));
  const StepResult step = mean_step(TrainingSteps(*point.point, 0, 1).run());
  Members members(point.run, 0, 1, draw_chips(*point.point, 0), step);
  EXPECT_EQ(members.step_time(), step.step_time);
  members.replace(3, 4, false);
  EXPECT_EQ(members.step_time(), step.step_time);
  members.replace(5, 6, true);  // 312 against 989.4 TFLOP/s
  EXPECT_NEAR(members.step_time() / step.step_time, 989.4 / 312, 1e-9);
  members.replace(2, 3, true);
  members.replace(5, 6, false);
  EXPECT_NEAR(members.step_time() / step.step_time, 989.4 / 312, 1e-9);
  members.replace(2, 3, false);
  EXPECT_NEAR(members.step_time(), step.step_time, 1e-9 * step.step_time);
}

TEST(Members, FewerReplicasShareTheBatch) {
  const LongRunPoint point(join(quiet, free_network, R"(
    fleet.chips=H100:64
    job.tensor=8
    job.tokens_per_batch=458752
    reliability.horizon=1d)"));
  const StepResult step = mean_step(TrainingSteps(*point.point, 0, 1).run());
  Members members(point.run, 0, 1, draw_chips(*point.point, 0), step);
  EXPECT_EQ(members.slowdown(8), 1);
  EXPECT_NEAR(members.slowdown(7), 8.0 / 7, 1e-9);
  EXPECT_NEAR(members.slowdown(1), 8, 1e-9);

  // With a pipeline 8 replicas of 16 sequences become 7 of which some have 19.
  const LongRunPoint piped(join(quiet, free_network, R"(
    fleet.chips=H100:64
    job.tensor=2
    job.pipeline=4
    job.virtual_stages=1
    job.stage_imbalance=0
    job.sequence_length=8192
    job.tokens_per_batch=1048576
    job.microbatch_sequences=1
    reliability.horizon=1d)"));
  const StepResult whole = mean_step(TrainingSteps(*piped.point, 0, 1).run());
  Members fewer(piped.run, 0, 1, draw_chips(*piped.point, 0), whole);
  EXPECT_NEAR(fewer.slowdown(7), (19.0 + 3) / (16.0 + 3), 1e-9);

  const LongRunPoint shaped(join(quiet, free_network, R"(
    fleet.chips=H100:64
    topology.kind=torus
    topology.shape=4x4x4
    reliability.horizon=1d)"));
  Members fixed(shaped.run, 0, 1, draw_chips(*shaped.point, 0), {.step_time = 1});
  EXPECT_EQ(fixed.slowdown(63), cannot_run);
}

TEST(Members, FewerReplicasAreSlowerByTheSameInEveryTrial) {
  const auto lines = [](const char* noise) {
    return join(R"(
      fleet.chips=H100:64
      job.tensor=8
      job.tokens_per_batch=458752
      job.gradient_clipping=off
      noise.step_jitter=0.02
      noise.imbalance=0.1
      noise.straggler_fraction=0.1
      noise.spike_probability=1e-3
      reliability.horizon=1d)",
                noise);
  };
  const LongRunPoint noisy(lines("")), smooth(lines("noise.step_jitter=0\nnoise.imbalance=0"));
  const auto of_trial = [](const LongRunPoint& point, std::uint32_t trial) {
    return Members(point.run, trial, 1, draw_chips(*point.point, trial), {.step_time = 1})
        .slowdown(7);
  };
  const double first = of_trial(noisy, 0);
  EXPECT_GT(first, 1.05);
  EXPECT_EQ(of_trial(noisy, 3), first);
  EXPECT_EQ(of_trial(smooth, 3), first);
  const LongRunPoint again(lines(""));  // asked in another order
  EXPECT_EQ(of_trial(again, 3), first);
}

TEST(Members, StragglersLeaveOnceTheyAreDetected) {
  const auto lines = [](const char* detection) {
    return join(quiet, free_network, R"(
      fleet.chips=H100:512
      noise.straggler_fraction=0.01
      noise.straggler_slowdown=1.5
      reliability.horizon=10d
      reliability.node_failure_rate=0/d
      reliability.restart_time=10min
      reliability.checkpoint_write_time=5s)",
                fmt::format("reliability.straggler_detection_time={}", detection));
  };
  const Jobs with = test::make_jobs(lines("1d")), without = test::make_jobs(lines("never"));
  const JobsResult evicted = with.run_trial(0, 1), kept = without.run_trial(0, 1);
  EXPECT_EQ(values_of(kept, "interruptions").at(0), 0);
  EXPECT_EQ(evicted.training.step_time, kept.training.step_time);
  const double slow = evicted.training.step_time.front(), quick = slow / 1.5;
  // Some 5 nodes leave after a day; of those that come one in 13 has a straggler too, a day later.
  const LongRun run = LongRunPoint(lines("1d")).of_trial(0);
  EXPECT_GE(run.interruptions, 1);
  EXPECT_LE(run.interruptions, 3);
  const double late = run.interruptions * day;
  EXPECT_GT(run.steps_done, late / slow + (10 * day - late - 3 * 605) / quick - 2);
  EXPECT_LT(run.steps_done, day / slow + 9 * day / quick);
  EXPECT_EQ(run.time_lost[static_cast<std::size_t>(LossCause::detection)], 0);
  EXPECT_NEAR(run.time_lost[static_cast<std::size_t>(LossCause::restart)], run.interruptions * 600,
              1e-6);
  EXPECT_GT(values_of(evicted, "mfu_effective").at(0),
            1.3 * values_of(kept, "mfu_effective").at(0));
}

// With one straggler that is never in the job again, where it stood does not matter: 2.5 days as
// slow (until found, until it is back), the rest without it.
TEST(Members, StragglersAreFoundAlsoWhereNodesWaitForRepair) {
  for (const char* kind : {"ring", "torus"}) {
    SCOPED_TRACE(kind);
    const auto lines = [&](const char* detection) {
      return join(quiet, free_network, fmt::format("topology.kind={}", kind), R"(
        fleet.chips=H100:512
        noise.straggler_fraction=0.004
        noise.straggler_slowdown=3
        reliability.horizon=60d
        reliability.node_failure_rate=0/d
        reliability.spares=0
        reliability.repair_time=1d)",
                  fmt::format("reliability.straggler_detection_time={}", detection));
    };
    const LongRunPoint soon(lines("1h")), late(lines("8d")), never(lines("never"));
    double steps[3] = {};
    for (std::uint32_t trial = 0; trial < 8; ++trial) {
      steps[0] += soon.of_trial(trial).steps_done;
      steps[1] += late.of_trial(trial).steps_done;
      steps[2] += never.of_trial(trial).steps_done;
    }
    EXPECT_GT(steps[0], 1.05 * steps[1]);
    EXPECT_GT(steps[1], 1.5 * steps[2]);
  }
}

// A smaller job is not quicker for a straggler that it happens to have left behind.
TEST(Members, FewerReplicasAreNeverQuicker) {
  const LongRunPoint point(R"(
    fleet.chips=H100:256
    job.tensor=8
    noise.straggler_fraction=0.003
    noise.straggler_slowdown=3
    reliability.horizon=30d
    reliability.node_failure_rate=0.1/d
    reliability.policy=shrink
    reliability.spares=0)");
  for (std::uint32_t trial = 0; trial < 24; ++trial) {
    SCOPED_TRACE(trial);
    const LongRun run = point.of_trial(trial);
    EXPECT_LE(run.goodput, 1);
    for (double time : run.time_lost) EXPECT_GE(time, 0);
  }
}

TEST(Members, UnitsAlongALineHaveNoOtherGeneration) {
  const std::string lines = R"(
    fleet.chips=H100:512
    reliability.horizon=30d
    reliability.spare_generation=A100)";
  EXPECT_NO_THROW(LongRunPoint(join(lines, "topology.kind=ocs_torus")));
  EXPECT_THROW(LongRunPoint(join(lines, "topology.kind=torus")), InputError);
}

TEST(Members, StragglersThatLeaveWithoutEndAreRefused) {
  const std::string lines = R"(
    fleet.chips=H100:64
    noise.straggler_fraction=1
    reliability.horizon=30d
    reliability.straggler_detection_time=0s)";
  EXPECT_NO_THROW(LongRunPoint{lines});
  EXPECT_THROW(LongRunPoint(join(lines, "reliability.restart_time=0s")), InputError);
}

TEST(Members, ASlowerSpareSlowsTheJobUntilTheNodeIsBack) {
  const LongRunPoint point(join(quiet, free_network, R"(
    fleet.chips=H100:512
    reliability.horizon=30d
    reliability.node_failure_rate=6.5e-3/d
    reliability.spares=8
    reliability.spare_generation=A100
    reliability.repair_time=1d)"));
  double slow = 0;
  for (std::uint32_t trial = 0; trial < 8; ++trial) {
    const LongRun run = point.of_trial(trial);
    slow += run.time_lost[static_cast<std::size_t>(LossCause::slow_members)];
    EXPECT_NEAR(
        run.goodput * 30 * day + std::accumulate(run.time_lost.begin(), run.time_lost.end(), 0.0),
        30 * day, 1e-3);
  }
  EXPECT_GT(slow, 8 * day);  // 12.5 failures a month, each slow until a later one
}

}  // namespace
}  // namespace lockstep
