// Steps of which only replicas are asked that can be the slowest, against steps of which all are.

#include "engine/training/trial/slowest_replicas.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

/// Of one study: whether some were left out, and whether any bit differed.
struct Compared {
  bool left_out = false, differs = false;
  std::int64_t breaches = 0;
};

Compared compare(const std::string& lines, std::uint32_t trial, int steps) {
  const auto point = test::make_point(lines);
  TrainingSteps some(*point, trial, 1), all(*point, trial, 1);
  all.ask_all(true);
  Compared compared;
  for (int step = 0; step < steps; ++step) {
    const StepResult a = some.next(), b = all.next();
    compared.differs |= a.step_time != b.step_time || a.compute_time != b.compute_time ||
                        a.communication_time != b.communication_time;
  }
  compared.differs |= some.busy() != all.busy() || some.elapsed() != all.elapsed();
  const std::int64_t asked = some.slowest().asked();
  compared.left_out = asked > 0 && asked < steps * point->layout().replicas;
  compared.breaches = some.slowest().breaches();
  return compared;
}

TEST(SlowestReplicas, AreThoseOfAllOverRandomStudies) {
  std::mt19937 random(18);
  const auto one_of = [&](const std::vector<std::string>& choices) {
    return choices[random() % choices.size()] + "\n";
  };
  int left_out = 0, studies = 0;
  for (const char* kind :
       {"ring", "tree", "hierarchical_ring", "switch_reduce", "torus", "ocs_torus", "nccl"})
    for (int study = 0; study < 8; ++study) {
      const std::string lines = test::join(
          "job.model_parameters=8e9\njob.layers=32\njob.hidden=4096\ntopology.kind=" +
              std::string(kind),
          one_of({"fleet.chips=H100:2048", "fleet.chips=H100:1536, GB200:512",
                  "fleet.chips=H100:768, H200:512, GB200:768"}),
          one_of({"job.tensor=1\njob.pipeline=1", "job.tensor=2\njob.pipeline=1",
                  "job.tensor=4\njob.pipeline=2", "job.tensor=2\njob.pipeline=4"}),
          one_of({"", "job.tokens_per_chip=65536", "job.virtual_stages=1"}),
          one_of({"", "noise.straggler_fraction=0.01", "noise.operation_jitter=0.002"}),
          one_of({"", "noise.slow_link_fraction=0.002"}),
          one_of({"", "noise.spike_probability=1e-6",
                  "noise.spike_probability=1e-5\nnoise.spike_delay=exponential(mean=100ms)"}),
          one_of({"", "job.interference=0.3", "job.prefetch=on", "job.data_parallel=all_reduce",
                  "job.data_parallel=fsdp", "job.sync_every=2", "job.gradient_clipping=off",
                  "noise.imbalance=0.01", "noise.tenancy=multi",
                  "noise.hop_jitter=exponential(mean=1us)\ntopology.method=exact"}));
      const Compared compared = compare(lines, static_cast<std::uint32_t>(study), 4);
      EXPECT_FALSE(compared.differs) << lines;
      EXPECT_EQ(compared.breaches, 0) << lines;
      left_out += compared.left_out;
      ++studies;
    }
  fmt::print("{} of {} studies left replicas out\n", left_out, studies);
  EXPECT_GT(left_out, studies / 3);
}

/// Sees that finishes of all chips, which the kernels find, end when the step does.
class SeesTheLatest final : public StepObserver {
 public:
  void see(const StepView& step) override {
    const double latest = std::ranges::max(step.finish);
    off_ = std::max(off_, std::abs(latest + step.job.clipping_time() - step.end) / step.end);
  }
  double off() const { return off_; }

 private:
  double off_ = 0;
};

/// With work in proportion those who have their first chunk late have their last one early: no
/// replica alone is as late as the latest first chunk and the latest last one would be.
TEST(SlowestReplicas, AreThoseWhoHaveALateChunkLast) {
  const auto point = test::make_point(
      "job.model_parameters=405e9\njob.tokens_per_batch=67108864\njob.tensor=8\njob.pipeline=8\n"
      "job.virtual_stages=16\njob.context=4\njob.work_share=proportional\n"
      "fleet.chips=H100:150000, H200:50000, GB200:20000\nfleet.placement=blocked\n"
      "fleet.chip_spread=0.005\nnoise.step_jitter=0.004\nnoise.straggler_fraction=0.000625\n"
      "noise.straggler_slowdown=1.1\nnoise.slow_link_fraction=0.0001\nnoise.slow_link_factor=2\n"
      "noise.spike_probability=1e-8\nnoise.spike_delay=pareto(minimum=1ms, shape=1.5)\n"
      "topology.kind=ocs_torus\nfabric.link_bandwidth=50GB/s\nsampling.steps=10\n"
      "sampling.warmup_steps=0\n");
  for (std::uint32_t trial = 1; trial < 3; ++trial) {
    TrainingSteps some(*point, trial, 1), observed(*point, trial, 1);
    SeesTheLatest latest;
    StepObserver* const observer = &latest;
    for (const StepResult& step : observed.run({&observer, 1}))
      EXPECT_EQ(some.next().step_time, step.step_time) << trial;
    EXPECT_LT(latest.off(), 1e-12) << trial;
    EXPECT_LT(some.slowest().asked(), 5 * point->layout().replicas) << trial;
  }
}

/// After steps without phases each begins on its own, and who computes last need not finish last.
TEST(SlowestReplicas, AreNotThoseWhoComputeLastAfterLocalSteps) {
  const auto point = test::make_point(
      "job.model_parameters=8e9\njob.layers=32\njob.hidden=4096\njob.tensor=8\njob.pipeline=1\n"
      "job.context=4\njob.tokens_per_batch=33554432\njob.sync_every=2\njob.interference=0.15\n"
      "job.data_parallel=distributed_optimizer\nfleet.chips=H100:4096\nfleet.placement=blocked\n"
      "fleet.chip_spread=0.02\nnoise.step_jitter=0.1\nnoise.slow_link_fraction=0.005\n"
      "noise.slow_link_factor=5\nsampling.steps=8\nsampling.warmup_steps=0\n"
      "topology.kind=switch_reduce\n");
  int apart = 0;
  for (std::uint32_t trial = 0; trial < 6; ++trial) {
    TrainingSteps some(*point, trial, 1), observed(*point, trial, 1);
    SeesTheLatest latest;
    StepObserver* const observer = &latest;
    for (const StepResult& step : observed.run({&observer, 1})) {
      const StepResult other = some.next();
      EXPECT_EQ(other.step_time, step.step_time) << trial;
      EXPECT_EQ(other.communication_time, step.communication_time) << trial;
      apart += step.step_time - step.communication_time < step.compute_time * (1 - 1e-6);
    }
  }
  EXPECT_GT(apart, 0);
}

/// The steps of a trial with bounds that are `wrong` for every `nth` replica, against all.
Compared with_bounds(double wrong, std::size_t nth) {
  const auto point = test::make_point(
      "fleet.chips=H100:4096\njob.tensor=1\njob.pipeline=1\njob.model_parameters=8e9\n"
      "job.layers=32\njob.hidden=4096\ntopology.kind=ring\n");
  const TrialChips chips = draw_chips(*point, 0);
  GroupSteps groups(*point, 0);
  groups.begin(chips.compute);
  StepCourse course(*point);
  course.begin({.link = chips.link_factor});
  GroupSteps::Range range = groups.range();
  for (std::size_t r = 0; r < range.most.size(); r += nth) range.most[r] *= wrong;
  SlowestReplicas slowest(*point);
  slowest.begin(course, range);
  Compared compared;
  std::vector<double> stage_time;
  for (std::uint32_t step = 0; step < 50; ++step) {
    const StepNoise noise{&point->scenario().noise, point->scenario().seed, 0, step};
    groups.draw(step, chips.compute, {}, GroupSteps::Asked::all, 1, stage_time);
    course.run(stage_time, {}, true, StepCourse::Finishes::latest, noise, 1);
    const double latest = course.latest();
    groups.draw(step, chips.compute, {}, GroupSteps::Asked::some, 1, stage_time);
    course.begin_latest(noise, 1);
    course.end_latest(slowest.add(groups, course, stage_time, 1));
    compared.differs |= course.latest() != latest;
  }
  compared.left_out = slowest.asked() < 50 * point->layout().replicas;
  compared.breaches = slowest.breaches();
  return compared;
}

TEST(SlowestReplicas, BoundsThatAreTooLowAreNoticed) {
  const Compared right = with_bounds(1, 1);
  EXPECT_TRUE(right.left_out);
  EXPECT_FALSE(right.differs);
  EXPECT_EQ(right.breaches, 0);
  // All too low: those asked exceed theirs, and all are asked then.
  const Compared low = with_bounds(0.97, 1);
  EXPECT_GT(low.breaches, 0);
  EXPECT_FALSE(low.differs);
  // Half of them far too low: nobody asks these, but the steps are others.
  EXPECT_TRUE(with_bounds(0.9, 2).differs);
}

}  // namespace
}  // namespace lockstep
