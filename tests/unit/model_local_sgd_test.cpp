#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

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

TEST(SyncEvery, OneIsEveryStepBitForBit) {
  for (const char* lines : {"topology.kind=ring", "topology.kind=tree\njob.gradient_clipping=off",
                            "topology.kind=ocs_torus\njob.work_share=proportional"}) {
    SCOPED_TRACE(lines);
    const std::string all =
        join("fleet.chips=H100:64, GB200:64\njob.tensor=2\nnoise.slow_link_fraction=0.1", lines);
    const TrialResult usual = run_one(all), one = run_one(join(all, "job.sync_every=1"));
    EXPECT_EQ(one.step_time, usual.step_time);
    EXPECT_EQ(one.communication_time, usual.communication_time);
    EXPECT_EQ(one.wait_fraction, usual.wait_fraction);
    EXPECT_NE(run_one(join(all, "job.sync_every=2")).step_time, usual.step_time);
  }
}

// Equal replicas without noise: H - 1 steps of compute alone, then one that pays what each step of
// synchronous training pays. Nobody waits.
TEST(SyncEvery, EqualReplicasPayOneCollectiveInH) {
  for (const TopologyKind* kind : topology_kinds())
    for (int warmup : {0, 1, 2, 3}) {
      SCOPED_TRACE(fmt::format("{} after {}", kind->name, warmup));
      const auto point = make_point(join(quiet, test::one_phase,
                                         fmt::format(R"(
        fleet.chips=H100:64
        topology.kind={}
        job.compute_time=3s
        job.overlap=0.5
        job.gradient_bytes=4GB
        job.sync_every=3
        sampling.steps=7
        sampling.warmup_steps={}
        fabric.hop_latency=5us
        fabric.hop_bandwidth=1GB/s)",
                                                     kind->name, warmup)));
      // Half of 2 s hides, all but the first bucket of it.
      const double exposed =
          point->noise_free_communication_time() - test::hiding_share + point->clipping_time();
      ASSERT_GT(exposed, 0.1);
      const TrialResult result = train(*point, 0, 1).result;
      for (int s = 0; s < 7; ++s) {
        const double paid = (warmup + s) % 3 == 2 ? exposed : 0;
        EXPECT_NEAR(result.communication_time[static_cast<std::size_t>(s)], paid, 1e-12) << s;
        EXPECT_NEAR(result.step_time[static_cast<std::size_t>(s)], 3 + paid, 1e-12) << s;
      }
      EXPECT_NEAR(result.wait_fraction, 0, 1e-12);
    }
}

// FAST takes 1 s, SLOW 2.5 s: the fast ones go straight on and wait for the rest at the fifth step.
TEST(SyncEvery, TheFastWaitOnlyAtSynchronization) {
  const auto run = [](const char* clipping, int warmup, int steps) {
    return run_one(join(quiet, free_network,
                        fmt::format(R"(
      fleet.chips=FAST:4, SLOW:2
      chip.FAST.peak=2.5e12
      chip.SLOW.peak=1e12
      job.compute_time=1s
      job.sync_every=5
      job.gradient_clipping={}
      sampling.warmup_steps={}
      sampling.steps={})",
                                    clipping, warmup, steps)));
  };
  for (const char* clipping : {"on", "off"}) {
    SCOPED_TRACE(clipping);
    const TrialResult twice = run(clipping, 0, 10);
    for (double time : twice.step_time) EXPECT_NEAR(time, 2.5, 1e-9);
    EXPECT_NEAR(sum(twice.step_time), 2 * 5 * 2.5, 1e-9);
    EXPECT_NEAR(twice.wait_fraction_by_generation[0], 1 - 1 / 2.5, 1e-9);
    EXPECT_NEAR(twice.wait_fraction_by_generation[1], 0, 1e-9);
    const TrialResult between = run(clipping, 5, 4);
    EXPECT_NEAR(between.wait_fraction, 0, 1e-9);
    EXPECT_NEAR(between.step_time[0], 2.5, 1e-9);
    // In the fifth they stand from 4 s until 12.5 s, and compute for one of them.
    const TrialResult fifth = run(clipping, 4, 1);
    EXPECT_NEAR(fifth.step_time[0], 2.5, 1e-9);
    EXPECT_NEAR(fifth.wait_fraction_by_generation[0], 1 - 1 / 8.5, 1e-9);
    EXPECT_NEAR(fifth.wait_fraction, 1 - (4 * 1 + 2 * 2.5) / (4 * 8.5 + 2 * 2.5), 1e-9);
  }
}

TEST(SyncEvery, SkewIsCarriedAndTelescopes) {
  for (const TopologyKind* kind : topology_kinds())
    for (const char* clipping : {"on", "off"})
      for (int every : {1, 2, 7, 20}) {
        SCOPED_TRACE(fmt::format("{} clipping {} every {}", kind->name, clipping, every));
        const auto point =
            make_point(join(test::one_phase, fmt::format(R"(
          job.virtual_stages=1
          job.buckets=1
          fleet.chips=H100:64, GB200:32
          fleet.chip_spread=0.05
          noise.step_jitter=0
          noise.operation_jitter=0
          noise.spike_probability=0.01
          noise.spike_delay=exponential(mean=1s)
          noise.slow_link_fraction=0.1
          job.tokens_per_chip=4096
          job.tensor=2
          job.pipeline=2
          sampling.steps=23
          topology.kind={}
          job.gradient_clipping={}
          job.sync_every={})",
                                                         kind->name, clipping, every)));
        const test::Told expected = test::told(*point, 3, 23);
        TrainingSteps steps(*point, 3, 1);
        double total = 0;
        for (double latest : expected.latest) {
          total += steps.next().step_time;
          EXPECT_NEAR(total, latest, 1e-9 * latest);
        }
        EXPECT_NEAR(sum(steps.elapsed()), expected.elapsed, 1e-9 * expected.elapsed);
        EXPECT_EQ(steps.synchronizations(), 23 / every);
      }
}

// Whatever else is on, waiting is a share and the mean step is no longer than with H = 1.
TEST(SyncEvery, LongerIsNeverSlowerOnEqualReplicasWithJitter) {
  double before = HUGE_VAL;
  for (int every : {1, 4, 16}) {
    const TrialResult result =
        run_one(join(free_network, fmt::format("fleet.chips=H100:256\nnoise.step_jitter=0.1\n"
                                               "job.sync_every={}\nsampling.steps=64",
                                               every)));
    EXPECT_LT(sum(result.step_time), before) << every;
    EXPECT_GE(result.wait_fraction, 0);
    EXPECT_LT(result.wait_fraction, 1);
    before = sum(result.step_time);
  }
}

// Between synchronizations each replica's time is the sum of its H lognormal steps: their total is
// the largest of such sums, less than H times the largest of one step.
TEST(SyncEvery, JitterAveragesOutBeforeTheMaximum) {
  constexpr int every = 4, rounds = 4000, replicas = 8;
  constexpr double sigma = 0.2;
  struct Mean {
    double sum = 0, squares = 0, n = 0;
    void add(double x) {
      sum += x;
      squares += x * x;
      n += 1;
    }
    double mean() const { return sum / n; }
    double error() const { return std::sqrt((squares / n - mean() * mean()) / n); }
  };
  const TrialResult result =
      run_one(join(free_network, fmt::format("fleet.chips=H100:{}\nfleet.chip_spread=0\n"
                                             "noise.step_jitter={}\njob.compute_time=1s\n"
                                             "job.sync_every={}\nsampling.steps={}",
                                             replicas, sigma, every, every * rounds)));
  Mean model, theory, control;
  for (std::size_t s = 0; s < result.step_time.size(); s += every)
    model.add(std::accumulate(result.step_time.begin() + static_cast<std::ptrdiff_t>(s),
                              result.step_time.begin() + static_cast<std::ptrdiff_t>(s + every),
                              0.0));
  std::mt19937_64 random(20240611);
  std::lognormal_distribution<double> step(-sigma * sigma / 2, sigma);
  for (int i = 0; i < 100 * rounds; ++i) {
    double most = 0, most_of_one = 0;
    for (int r = 0; r < replicas; ++r) {
      double total = 0;
      for (int s = 0; s < every; ++s) {
        const double time = step(random);
        if (s == 0) most_of_one = std::max(most_of_one, time);
        total += time;
      }
      most = std::max(most, total);
    }
    theory.add(most);
    control.add(every * most_of_one);
  }
  const double tolerance = 4 * std::hypot(model.error(), theory.error());
  EXPECT_NEAR(model.mean(), theory.mean(), tolerance);
  EXPECT_GT(std::fabs(model.mean() - control.mean()), 10 * tolerance)
      << "synchronizing every step passes too: the check cannot fail";
}

}  // namespace
}  // namespace lockstep
