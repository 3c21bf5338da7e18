// A step runs its phases one after another; the first hides behind compute.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using testing::AllOf;
using testing::HasSubstr;

double half(const Job& job) {
  return job.gradient_bytes_per_chip() / 2;
}

constexpr Phase two_halves[] = {
    {"first half", Operation::all_reduce, ParallelGroup::data, half,
     [](const Job& job) { return job.overlap * backward_share; }, "a test"},
    {"second half", Operation::all_reduce, ParallelGroup::data, half,
     [](const Job&) { return 0.0; }, "a test"},
};

/// A ring without latency, whose time is proportional to the bytes.
DesignPoint ring(std::span<const Phase> phases, double overlap) {
  const Values values = test::scenario_values(test::join(test::quiet, R"(
    fleet.chips=H100:64
    topology.kind=ring
    job.tensor=2
    job.compute_time=1s
    job.gradient_bytes=600GB
    fabric.hop_latency=0s
    fabric.hop_bandwidth=100GB/s)",
                                                         fmt::format("job.overlap={}", overlap)));
  Scenario scenario = scenario_from(values, topology_kinds(), 1);
  scenario.phases = phases;
  return {std::move(scenario), values};
}

TEST(Phases, FollowEachOther) {
  const DesignPoint whole = ring(phases(), 0), halves = ring(two_halves, 0);
  const double time = whole.noise_free_communication_time();
  EXPECT_NEAR(time, 2 * 31 / 32.0 * 300e9 / 100e9, 1e-9) << "the ring's closed form";
  ASSERT_EQ(halves.phases().size(), 2u);
  EXPECT_NEAR(halves.phases()[1].noise_free_time, time / 2, 1e-9);
  EXPECT_NEAR(halves.noise_free_communication_time(), time, 1e-9);
  const double clipping = whole.clipping_time();
  EXPECT_NEAR(train(halves, 0, 1).result.step_time[0], 1 + time + clipping, 1e-9);
  EXPECT_NEAR(train(whole, 0, 1).result.step_time[0], 1 + time + clipping, 1e-9);
  EXPECT_NEAR(train(halves, 0, 1).result.communication_time[0], time + clipping, 1e-9);
  EXPECT_THAT(halves.choice(), AllOf(HasSubstr("first half: "), HasSubstr(", second half: ")));
}

// One microbatch's backward pass, 2/3 s, hides so much of the first, which ends no sooner than
// compute; the second is exposed.
TEST(Phases, OnlyTheFirstHidesBehindCompute) {
  const DesignPoint halves = ring(two_halves, 1);
  const double half = halves.phases()[0].noise_free_time;
  const double microbatches = halves.work().microbatches[0];
  const double exposed = half - 2.0 / 3 / microbatches;
  ASSERT_GT(exposed, 0);
  EXPECT_NEAR(train(halves, 0, 1).result.communication_time[0],
              exposed + half + halves.clipping_time(), 1e-9);
}

TEST(Phases, ATopologyWithoutTheirOperationIsRefused) {
  const Values values = test::scenario_values("fleet.chips=H100:64");
  Scenario scenario = scenario_from(values, topology_kinds(), 1);
  TopologyKind without = *scenario.topology;
  without.operations = {};
  without.stand_in = nullptr;
  scenario.topology = &without;
  try {
    DesignPoint(std::move(scenario), values);
    ADD_FAILURE() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("it has no all_reduce, and nothing stands in"));
  }
}

}  // namespace
}  // namespace lockstep
