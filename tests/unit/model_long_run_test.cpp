#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/base/error.hpp"
#include "tests/unit/long_run_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::LongRunPoint;
using test::values_of;
using testing::AllOf;
using testing::HasSubstr;

constexpr double hour = 3600, day = 24 * hour;

TEST(ModelLongRun, PublishedMeanTimesToFailure) {
  // 6.5 failures per 1,000 node-days of 8 chips: 1.8 h at 16,384 chips, 0.23 h at 131,072
  // (arXiv 2410.21680).
  for (auto [chips, published, places] : {std::tuple{16384, 1.8, 0.05}, {131072, 0.23, 0.005}}) {
    const LongRunPoint point(fmt::format("fleet.chips=H100:{}\nreliability.horizon=1d", chips));
    EXPECT_EQ(point.run.job().nodes, chips / 8);
    const double rate = static_cast<double>(point.run.job().nodes) *
                        test::scenario_values("").real("reliability.node_failure_rate");
    EXPECT_NEAR(1 / rate / hour, published, places);
  }
}

TEST(ModelLongRun, TopologiesReplaceDifferentUnits) {
  const auto unit = [](const char* kind) {
    const auto job = LongRunPoint(join("fleet.chips=H100:512\nreliability.horizon=1d",
                                       fmt::format("topology.kind={}", kind)))
                         .run.job();
    EXPECT_EQ(job.nodes, 64);
    EXPECT_EQ(job.reconfigures_ocs, std::string_view(kind) == "ocs_torus");
    EXPECT_EQ(job.consecutive, std::string_view(kind) == "torus");
    return job.nodes_per_unit;
  };
  std::size_t seen = 0;
  for (auto [kind, nodes] : {std::pair{"ring", 1},
                             {"hierarchical_ring", 1},
                             {"tree", 1},
                             {"switch_reduce", 1},
                             {"nccl", 1},
                             {"ocs_torus", 64 / 8},
                             {"torus", 8 * 8 / 8}}) {
    EXPECT_EQ(unit(kind), nodes) << kind;
    ++seen;
  }
  EXPECT_EQ(seen, topology_kinds().size());
}

TEST(ModelLongRun, FollowsTheTrialsOwnSteps) {
  const std::string lines = join(R"(
    fleet.chips=H100:512
    reliability.horizon=60d
    sampling.steps=5)");
  const Jobs jobs = test::make_jobs(lines);
  const LongRunPoint point(lines);
  double interruptions = 0;
  for (std::uint32_t trial = 0; trial < 40; ++trial) {
    const JobsResult of_jobs = jobs.run_trial(trial, 1);
    const TrialResult& result = of_jobs.training;
    const LongRun run = point.of_trial(trial);
    EXPECT_EQ(values_of(of_jobs, "goodput").at(0), run.goodput);
    EXPECT_EQ(values_of(of_jobs, "time_lost").at(1), run.time_lost[1]);
    const double step = std::accumulate(result.step_time.begin(), result.step_time.end(), 0.0) / 5;
    const double lost = std::accumulate(run.time_lost.begin(), run.time_lost.end(), 0.0);
    EXPECT_NEAR(run.goodput * 60 * day + lost, 60 * day, 1e-3);
    const double at_full_speed = run.steps_done * step / (60 * day);
    EXPECT_NEAR(values_of(of_jobs, "mfu_effective").at(0), result.mfu * at_full_speed, 1e-12);
    // Steps get longer or shorter by what the slowest of other chips does.
    EXPECT_NEAR(run.goodput, at_full_speed, 0.01);
    interruptions += run.interruptions;
  }
  const double expected = 40 * 64 * 6.5e-3 * 60;
  EXPECT_NEAR(interruptions, expected, 5 * std::sqrt(expected));
}

TEST(ModelLongRun, IsNotThereWithoutAHorizon) {
  const JobsResult without = test::make_jobs("fleet.chips=H100:64").run_trial(0, 1);
  const JobsResult with =
      test::make_jobs("fleet.chips=H100:64\nreliability.horizon=1d").run_trial(0, 1);
  EXPECT_TRUE(values_of(without, "goodput").empty());
  EXPECT_EQ(values_of(with, "goodput").size(), 1u);
  EXPECT_EQ(without.training.step_time, with.training.step_time);
}

TEST(ModelLongRun, NodesOfSeveralGenerations) {
  const LongRunPoint point(
      "fleet.chips=H100:20, GB200:20\njob.tokens_per_chip=8192\nreliability.horizon=1d");
  EXPECT_EQ(point.run.job().nodes, 3 + 5);
}

TEST(ModelLongRun, JobsSideBySideFailEachByItself) {
  const auto jobs = [](const char* fleet) {
    const auto lines = join(R"(
      job.work_share=isolated
      job.tokens_per_chip=8192
      reliability.horizon=60d
      reliability.spares=2)",
                            fleet);
    return test::make_jobs(lines);
  };
  const Jobs both = jobs("fleet.chips=H100:64, GB200:144"), first = jobs("fleet.chips=H100:64");
  double interruptions = 0, differ = 0;
  for (std::uint32_t trial = 0; trial < 100; ++trial) {
    const JobsResult result = both.run_trial(trial, 1), alone = first.run_trial(trial, 1);
    const auto of = [](const JobsResult& r, const char* name) { return values_of(r, name).at(0); };
    const std::vector<double> time_lost = values_of(result, "time_lost");
    const double lost = std::accumulate(time_lost.begin(), time_lost.end(), 0.0);
    EXPECT_NEAR(of(result, "goodput") * 60 * day + lost, 60 * day, 1e-3);
    EXPECT_GE(of(result, "interruptions"), of(alone, "interruptions"));
    EXPECT_LE(of(result, "steps_done"), of(alone, "steps_done"));
    EXPECT_LT(of(result, "mfu_effective"), result.training.mfu);
    interruptions += of(result, "interruptions");
    differ += of(result, "interruptions") - 5.5 * of(alone, "interruptions");  // 8 and 36 nodes
  }
  const double expected = 100 * (8 + 36) * 6.5e-3 * 60;
  EXPECT_NEAR(interruptions, expected, 5 * std::sqrt(expected));
  EXPECT_NE(differ, 0);
}

std::string refusal(const std::string& lines) {
  try {
    test::make_jobs(join("fleet.chips=H100:64", lines));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

/// Units in repair cannot fail, so that a job that waits for spares is set up less often: here half
/// as often.
TEST(ModelLongRun, CostFollowsTheFailuresThatStopIt) {
  const auto lines = [](const char* spares) {
    return join(R"(
      fleet.chips=H100:4096
      topology.kind=torus
      reliability.node_failure_rate=0.04/d
      reliability.repair_time=lognormal(mean=1d, sigma=0.5)
      reliability.horizon=200d)",
                spares);
  };
  const auto stops_and_cost = [&](const char* spares) {
    const LongRunPoint point(lines(spares));
    const Jobs jobs(point.point->values(), topology_kinds(), capabilities(), 1);
    EqualStepTimes steps(10, 1, point.point->layout().replicas);
    double stops = 0;
    for (std::uint32_t trial = 0; trial < 4; ++trial)
      stops += run_over_horizon(point.run.reliability(), point.run.job(), steps, 1, trial, 1)
                   .interruptions;
    return std::pair(stops, LongRuns(jobs).trial_cost());
  };
  const auto [few_stops, low] = stops_and_cost("reliability.spares=0");
  const auto [stops, cost] = stops_and_cost("reliability.spares=unlimited");
  EXPECT_LT(few_stops, 0.7 * stops);
  EXPECT_NEAR(low / cost, few_stops / stops, 0.15 * few_stops / stops);
}

TEST(ModelLongRun, RefusesWhatCannotBeFollowed) {
  EXPECT_THAT(refusal("reliability.horizon=10ms"),
              AllOf(HasSubstr("reliability.horizon = 10ms"), HasSubstr("below one step")));
  EXPECT_THAT(refusal("reliability.horizon=1d\njob.compute_time=0s"),
              AllOf(HasSubstr("reliability.horizon"), HasSubstr("no time")));
  EXPECT_THAT(refusal("reliability.horizon=30d\nreliability.node_failure_rate=10/s"),
              AllOf(HasSubstr("reliability.node_failure_rate"), HasSubstr("at most 1e+08")));
  EXPECT_THAT(refusal("reliability.spare_generation=H1OO"),
              AllOf(HasSubstr("reliability.spare_generation"), HasSubstr("did you mean H100")));
  EXPECT_EQ(refusal("reliability.horizon=1d"), "accepted");
}

}  // namespace
}  // namespace lockstep
