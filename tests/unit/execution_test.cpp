// Trials that are given up: between steps, failures, and the parts of a long step, and not before.
#include "engine/base/execution.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "engine/base/parallel_for.hpp"
#include "engine/training/trial/training_step.hpp"
#include "tests/unit/long_run_case.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

const char* const job = R"(fleet.chips=H100:256
noise.straggler_fraction=0.01
)";

TEST(GivingUp, AParallelLoopBeginsNoMoreCalls) {
  for (int workers : {1, 4}) {
    std::atomic<bool> stop = false;
    std::atomic<int> calls = 0, after = 0;
    EXPECT_THROW(parallel_for({workers, &stop}, 1000,
                              [&](std::int64_t) {
                                after += stop;
                                if (++calls == 5) stop = true;
                              }),
                 Interrupted);
    EXPECT_GE(calls, 5);
    EXPECT_LE(after, workers - 1);  // those that had looked before
  }
}

TEST(GivingUp, NoStepBegins) {
  const auto point = test::make_point(job);
  std::atomic<bool> stop = false;
  TrainingSteps alone(*point, 3, 1), watched(*point, 3, {1, &stop});
  for (int step = 0; step < 3; ++step)
    EXPECT_EQ(watched.next().step_time, alone.next().step_time) << step;
  stop = true;
  EXPECT_THROW(watched.next(), Interrupted);
  EXPECT_THROW(train(*point, 3, {1, &stop}), Interrupted);
}

/// Asks to give up at the third replacement.
class UntilThird final : public StepTimes {
 public:
  void replace(std::int64_t, std::int64_t, bool) override { stop = ++replaced == 3; }
  double step_time() override { return 1; }
  double communication_time() override { return 0.25; }
  double slowdown(std::int64_t) override { return 1; }
  std::vector<std::int64_t> new_stragglers() override { return {}; }

  std::atomic<bool> stop = false;
  int replaced = 0;
};

TEST(GivingUp, ALongRunEndsAtTheNextFailure) {
  const test::Case often(600);
  ASSERT_GT(often.run(0).interruptions, 10);
  UntilThird steps;
  EXPECT_THROW(run_over_horizon(often.reliability, often.job, steps, 1, 0, {1, &steps.stop}),
               Interrupted);
  EXPECT_EQ(steps.replaced, 3);
}

// The one collective whose step can take many seconds.
TEST(GivingUp, AnExactRingEndsWithinItsStep) {
  const auto point = test::make_point(std::string(job) + R"(topology.kind=ring
topology.method=exact
noise.hop_jitter=exponential(mean=1us)
)");
  const Scenario& scenario = point->scenario();
  const MessageNoise noise = message_noise(scenario.noise, scenario.seed, 0, 0);
  const auto trial = point->phases().front().collective->begin_trial({});
  std::vector<double> ready(256, 0.0), finish(256);
  std::atomic<bool> stop = false;
  trial->run(noise, 0, 1, ready.data(), finish.data(), {1, &stop});
  EXPECT_GT(finish[0], 0);
  stop = true;
  EXPECT_THROW(trial->run(noise, 0, 1, ready.data(), finish.data(), {1, &stop}), Interrupted);
}

}  // namespace
}  // namespace lockstep
