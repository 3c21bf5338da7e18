// What a trial is said to cost, against what its steps do.

#include "engine/training/trial/training_cost.hpp"

#include <gtest/gtest.h>

#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

constexpr const char* job = R"(
  fleet.chips=H100:32768
  job.model_parameters=8e9
  job.layers=32
  job.hidden=4096
  job.tensor=8
  topology.kind=ring)";

TrainingCost cost_of(const std::string& lines) {
  return training_cost(*test::make_point(test::join(job, lines)));
}

TEST(TrainingCost, StepsThatLeaveReplicasOutAreCheap) {
  const double cheap = cost_of("").steps;
  int left_out = 0;
  for (const char* lines : {"", "job.data_parallel=all_reduce", "noise.slow_link_fraction=1e-3",
                            "job.gradient_clipping=off", "noise.imbalance=0.01", "job.sync_every=4",
                            "job.data_parallel=fsdp", "noise.hop_jitter=exponential(mean=1us)",
                            "job.data_parallel=hsdp\njob.shard_group=64"}) {
    const auto point = test::make_point(test::join(job, lines));
    TrainingSteps steps(*point, 0, 1);
    steps.next();
    const bool leaves_out = steps.slowest().asked() > 0;
    EXPECT_EQ(leaves_out, training_cost(*point).steps < 3 * cheap) << lines;
    left_out += leaves_out;
  }
  EXPECT_EQ(left_out, 3);
}

TEST(TrainingCost, GrowsWithWhatIsDone) {
  const TrainingCost plain = cost_of("");
  EXPECT_GT(plain.steps, 0);
  const TrainingCost longer = cost_of("sampling.steps=20");
  EXPECT_DOUBLE_EQ(longer.steps, 2 * plain.steps);
  EXPECT_EQ(longer.beginning, plain.beginning);
  EXPECT_GT(cost_of("noise.slow_link_fraction=1e-3").beginning, plain.beginning);
  EXPECT_EQ(cost_of("noise.slow_link_fraction=1e-3").steps, plain.steps);
  EXPECT_GT(cost_of("noise.spike_probability=1e-6").steps, 3 * plain.steps);
  const double every = cost_of("job.gradient_clipping=off").steps,
               some = cost_of("job.gradient_clipping=off\njob.sync_every=4").steps;
  EXPECT_LT(some, every);
  EXPECT_GT(some, every / 4);
}

}  // namespace
}  // namespace lockstep
