// Design points share the jobs that capabilities' values leave as they are, and nothing else.

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/run/capabilities.hpp"
#include "engine/training/jobs.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;

const std::string base = R"(
    fleet.chips=H100:64
    job.tensor=2
    reliability.horizon=10d
    power.meter=on
    chip.H100.rent=2.35
    chip.H100.hbm=80GB)";

std::shared_ptr<const Jobs> jobs_of(const std::string& lines, const Jobs* like = nullptr) {
  return std::make_shared<const Jobs>(test::scenario_values(lines), topology_kinds(),
                                      capabilities(), 1, phases(), KnownFacts(), like);
}

bool shares(const std::string& lines) {
  const auto first = jobs_of(base), second = jobs_of(join(base, lines), first.get());
  return first->all()[0] == second->all()[0];
}

TEST(SharedJobs, DifferInCapabilitiesThatChangeNoChip) {
  EXPECT_TRUE(shares(""));
  EXPECT_TRUE(shares("reliability.spares=3"));
  EXPECT_TRUE(shares("power.floor=0.5"));
  EXPECT_TRUE(shares("money.count=on"));
  EXPECT_TRUE(shares("chip.H100.rent=uniform(low=1.7, high=2.95)"));
}

TEST(SharedJobs, AreNotThoseOfOtherChipsJobsOrNoise) {
  EXPECT_FALSE(shares("power.cap=400W"));
  EXPECT_FALSE(shares("job.tensor=4"));
  EXPECT_FALSE(shares("chip.H100.hbm=90GB"));
  EXPECT_FALSE(shares("noise.step_jitter=0.1"));
  EXPECT_FALSE(shares("topology.kind=ring"));
  EXPECT_FALSE(shares("noise.spike_delay=exponential(mean=uncertain(uniform(low=1ms, high=2ms)))"));
}

TEST(SharedJobs, GiveTheTrialsOfTheirOwn) {
  const std::string lines = join(base, "reliability.spares=0\nreliability.repair_time=5d");
  const auto first = jobs_of(base), shared = jobs_of(lines, first.get()), alone = jobs_of(lines);
  ASSERT_EQ(first->all()[0], shared->all()[0]);
  bool acts = false;
  for (std::uint32_t trial = 0; trial < 20; ++trial) {
    const JobsResult a = shared->run_trial(trial, 1), b = alone->run_trial(trial, 1),
                     c = first->run_trial(trial, 1);
    EXPECT_EQ(a.training.step_time, b.training.step_time);
    // Texts, for what a trial lacks is NaN.
    const auto text = [](const JobsResult& r) { return fmt::format("{}", r.capabilities[0]); };
    EXPECT_EQ(text(a), text(b));
    acts = acts || text(a) != text(c);
  }
  EXPECT_TRUE(acts);
}

}  // namespace
}  // namespace lockstep
