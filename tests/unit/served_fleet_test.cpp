// Serving as a capability: the same chips, stragglers, episodes and failures as the training of the
// same trial, generations against their own.

#include "engine/serving/served_fleet.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "engine/power/chip_power.hpp"
#include "engine/serving/fleet/cell_noise.hpp"
#include "engine/serving/replica/iteration_laws.hpp"
#include "engine/training/jobs.hpp"
#include "engine/training/trial/trial_episodes.hpp"
#include "tests/unit/scenario_values.hpp"
#include "tests/unit/served_mix.hpp"

namespace lockstep {
namespace {

using test::join;
using test::scenario_values;
using test::served_jobs;
using test::served_mix;

/// The metrics of a trial, with how it was trained.
ServedTrial served(std::string_view lines, std::uint32_t trial = 0) {
  const Jobs jobs = served_jobs(lines);
  const ServedFleet fleet(jobs);
  const Execution how(1);
  const MetricValues values = fleet.run_trial({trial, how, {}, {}});
  ServedTrial result;
  std::size_t i = 0;
  for (const auto& row : serving_metrics()) {
    const std::string& name = row.metric.variable.name;
    if (name == "serving_output_rate") result.output_rate = values[i][0];
    if (name == "serving_rated_share") result.rated_share = values[i][0];
    if (name == "serving_goodput") result.goodput = values[i][0];
    if (name == "serving_request_rate") result.request_rate = values[i][0];
    if (name == "requests_lost") result.lost = values[i][0];
    if (name == "serving_down_share") result.down = values[i][0];
    if (name == "serving_power") result.power = values[i][0];
    if (name == "serving_overloaded") result.overloaded = values[i][0];
    if (name == "serving_utilization") result.utilization = values[i];
    if (name == "serving_busy_share") result.busy_share = values[i];
    if (name == "time_to_first_token")
      std::copy_n(values[i].begin(), 4, result.first_token.begin());
    ++i;
  }
  return result;
}

constexpr std::string_view noise = R"(
  fleet.chip_spread=0.02
  noise.straggler_fraction=0.1
  noise.straggler_slowdown=lognormal(median=1.5, sigma=0.3)
  noise.compute_episode_rate=3/h
  noise.compute_episode_duration=exponential(mean=10min)
)";

TEST(ServedChips, AreThoseOfTheTrainingAtAnyTime) {
  const Jobs jobs = served_jobs(join(served_mix, noise));
  const DesignPoint& job = *jobs.all().front();
  const FleetCells cells(jobs.fleet(), place(jobs.fleet(), 20), std::vector<std::int64_t>{2, 1, 1},
                         1000);
  ASSERT_EQ(cells.count(), 1);
  const auto places = cells.cell(0);
  ASSERT_EQ(places.size(), 32 + 32 + 24);
  int differ = 0, episodes_begin = 0;
  for (std::uint32_t trial = 0; trial < 4; ++trial) {
    const std::vector<std::vector<double>> none;
    const CellNoise cell(jobs.fleet(), jobs.scenario().noise, none, 20, trial);
    const auto course = cell.of(places, 900);
    TrialChips chips = draw_chips(job, trial);
    TrialEpisodes episodes(job, trial, chips);
    std::vector<double> slowness = course.slowness;
    std::size_t change = 0;
    for (const double time : {0.0, 1.0, 300.0, 899.0}) {
      for (; change < course.changes.size() && course.changes[change].time <= ticks_of(time);
           ++change) {
        slowness[static_cast<std::size_t>(course.changes[change].replica)] =
            course.changes[change].slowness;
        ++episodes_begin;
      }
      episodes.advance(time, chips);
      for (std::size_t r = 0; r < places.size(); ++r) {
        const std::uint32_t identity = jobs.fleet().generations[places[r].generation].identity;
        double slowest = 0;
        for (std::size_t i = 0; i < chips.compute.size(); ++i)
          if (job.layout().entity_high[i] == identity &&
              job.layout().entity_low[i] - places[r].first_chip < places[r].chips)
            slowest = std::max(slowest, chips.compute[i] / job.work().chip_time[i]);
        EXPECT_NEAR(slowness[r], slowest, 1e-12 * slowest) << r << " at " << time;
        differ += slowest > 1.1;
      }
    }
  }
  EXPECT_GT(differ, 100);
  EXPECT_GT(episodes_begin, 10);
}

TEST(ServedCells, ShareTheFleetAndItsDomains) {
  const Jobs jobs = served_jobs("fleet.chips=H100:100, GB200:88\njob.compute_time=1s\n");
  const FleetCells cells(jobs.fleet(), place(jobs.fleet(), 20), std::vector<std::int64_t>{8, 16},
                         6);
  // 13 nodes of H100, the last with 4 chips; two racks of 44 GB200 hold two replicas of 16 each.
  EXPECT_EQ(cells.replicas(0), 12);
  EXPECT_EQ(cells.replicas(1), 4);
  ASSERT_EQ(cells.count(), 3);
  std::set<std::pair<std::size_t, std::uint32_t>> seen;
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto places = cells.cell(c);
    EXPECT_GE(places.size(), 5);
    EXPECT_LE(places.size(), 6);
    for (const ReplicaPlace& place : places) {
      EXPECT_TRUE(seen.insert({place.generation, place.first_chip}).second);
      EXPECT_EQ(place.generation == 0 ? place.first_chip % 8 : 0, 0);
    }
  }
  EXPECT_EQ(seen.size(), 16);
  // However small cells are asked for, each has a replica of every generation.
  const FleetCells small(jobs.fleet(), place(jobs.fleet(), 20), std::vector<std::int64_t>{8, 16},
                         1);
  ASSERT_EQ(small.count(), 4);
  for (std::int64_t c = 0; c < 4; ++c) {
    std::set<std::size_t> generations;
    for (const ReplicaPlace& place : small.cell(c)) generations.insert(place.generation);
    EXPECT_EQ(generations.size(), 2);
  }
}

TEST(ServedTrials, AreTheSameOnAnyNumberOfThreads) {
  const Jobs jobs = served_jobs(join(served_mix, noise, "serving.cell=8\nserving.sampled_cells=4"));
  const ServedFleet fleet(jobs);
  const Execution one(1), three(3);
  EXPECT_EQ(fleet.run_trial({2, one, {}, {}}), fleet.run_trial({2, three, {}, {}}));
  EXPECT_NE(fleet.run_trial({2, one, {}, {}}), fleet.run_trial({3, one, {}, {}}));
}

constexpr std::string_view saturated = R"(
  serving.load=1.3
  noise.step_jitter=0
  fleet.chip_spread=0
)";

TEST(Mix, ReachesTheSumOfItsPartsUnderARouterThatKnowsSpeeds) {
  double alone = 0;
  for (const char* chips : {"fleet.chips=H100:64", "fleet.chips=H200:32", "fleet.chips=GB200:24"})
    alone += served(join(join(served_mix, saturated), chips)).output_rate;
  const ServedTrial together = served(join(served_mix, saturated));
  EXPECT_NEAR(together.output_rate / alone, 1, 0.02);
  EXPECT_EQ(together.overloaded, 1);
}

/// Who does not look stops where the slowest generation is full: each replica gets 1 / 88 of the
/// requests, an H200 serves rate(H200), so that 88 rate(H200) is all that is served in order.
TEST(Mix, StopsAtItsCeilingUnderRoutersThatDoNotLook) {
  const Jobs jobs = served_jobs(served_mix);
  const ServedFleet fleet(jobs);
  double slowest = 1e9;
  for (const GenerationReplicas& of : fleet.generations())
    slowest = std::min(slowest, of.rated.requests);
  const double ceiling = 88 * slowest / fleet.rated_requests();
  ASSERT_GT(ceiling, 0.4);
  ASSERT_LT(ceiling, 0.8);
  for (const char* router : {"random", "round_robin"}) {
    const auto at = [&](double load) {
      return served(join(join(served_mix, join("serving.router=" + std::string(router),
                                               "serving.window=10min\nserving.warmup_time=10min")),
                         "serving.load=" + std::to_string(load)));
    };
    EXPECT_EQ(at(0.9 * ceiling).overloaded, 0) << router;
    EXPECT_EQ(at(1.25 * ceiling).overloaded, 1) << router;
  }
}

/// 8 GB200 hold no replica of 16: all that is told by generation is none there, and none of it
/// there alone.
TEST(Mix, TellsNothingOfAGenerationWithoutReplicas) {
  const ServedFleet fleet(
      served_jobs(join(served_mix, "fleet.chips=H100:64, GB200:8\nserving.chips_per_replica=16",
                       "serving.law=roofline")));
  ASSERT_EQ(fleet.cells().replicas(1), 0);
  const Execution how(1);
  const MetricValues values = fleet.run_trial({0, how, {}, {}});
  int by_generation = 0;
  std::size_t i = 0;
  for (const auto& row : serving_metrics()) {
    if (row.metric.variable.extents == std::vector<std::string>{std::string(generation_extent)}) {
      ++by_generation;
      EXPECT_GT(values[i][0], 0) << row.metric.variable.name;
      EXPECT_TRUE(std::isnan(values[i][1])) << row.metric.variable.name;
    } else {
      for (const double value : values[i]) EXPECT_FALSE(std::isnan(value));
    }
    ++i;
  }
  EXPECT_EQ(by_generation, 5);
}

TEST(Mix, MoreLoadIsNeverFasterAndSlowChipsNeverHelp) {
  double last = 0;
  for (const char* load : {"serving.load=0.3", "serving.load=0.6", "serving.load=0.9"}) {
    const double p99 = served(join(served_mix, load)).first_token[2];
    EXPECT_GT(p99, last);
    last = p99;
  }
  const auto slow = join(served_mix, "noise.straggler_fraction=0.3\nnoise.straggler_slowdown=2");
  EXPECT_GT(served(slow).first_token[2], served(served_mix).first_token[2]);
}

/// Nodes of 8 B200 that serve Llama2-70B take 1,308 W a chip at the wall (MLPerf's power logs of an
/// air-cooled one): 10 % more than this, with products at the 988 W that they were logged at.
TEST(ServedPower, IsNearAMeasuredNode) {
  constexpr std::string_view node = R"(
    fleet.chips=B200:64
    job.compute_time=1s
    serving.load=1
    serving.input_tokens=150
    serving.output_tokens=lognormal(mean=294.45, sigma=0.6)
    power.compute=0.988
    power.pue=1
    power.network_share=0
  )";
  const ServedTrial full = served(node);
  EXPECT_NEAR(full.power / 64, 1308, 0.12 * 1308);
  // Hardly a request: memory's power, or a context's.
  const Jobs jobs = served_jobs(node);
  const ChipPower chip = supply_power(power_from(jobs.values()), jobs.fleet().generations[0].chip);
  const double little = served(join(node, "serving.load=0.001")).power / 64;
  EXPECT_GT(little, chip.context);
  EXPECT_LT(little, chip.communication);
}

/// MLPerf Inference v4.1 with 8 H200 held at 500 W: Llama2-70B at 0.791 (server) and 0.807
/// (offline) of the unlimited rate. Products take all of the TDP unlimited (696 W of an H100's 700
/// in HPL).
TEST(ServedPower, ACapEntersWhatIsRated) {
  constexpr std::string_view node = R"(
    fleet.chips=H200:64
    job.compute_time=1s
    serving.load=1.3
    serving.input_tokens=150
    serving.output_tokens=lognormal(mean=294.45, sigma=0.6)
    power.meter=on
    power.compute=1
  )";
  const auto rated = [&](std::string_view more) {
    return ServedFleet(served_jobs(join(node, more))).rated_requests();
  };
  constexpr std::string_view cap = "power.cap=500W";
  EXPECT_NEAR(rated(cap) / rated(""), 0.8, 0.03);
  EXPECT_LT(rated("power.cap=400W"), rated(cap));
  EXPECT_EQ(rated("power.cap=700W"), rated(""));
  EXPECT_LT(rated("power.filler=1"), rated(""));
  EXPECT_GT(rated("power.filler=1"), rated("") / 1.02);
  // A saturated fleet reaches it at any cap, and a little more, in longer iterations than are
  // rated.
  const ServedTrial usual = served(node), held = served(join(node, cap));
  EXPECT_NEAR(held.rated_share, usual.rated_share, 0.02);
  EXPECT_LT(held.output_rate, 0.9 * usual.output_rate);
}

TEST(IterationLaws, HitTheirOperatingPoints) {
  const Jobs jobs = served_jobs(
      "fleet.chips=H200:8, B200:8, GB200:8\njob.compute_time=1s\n"
      "serving.load=0.5\n");
  const Serving serving = serving_from(jobs.values());
  const std::tuple<double, double> laws[] = {
      {14e-3, 0.218e-3}, {16.2e-3, 0.070e-3}, {14.5e-3, 0.071e-3}};
  for (std::size_t g = 0; g < 3; ++g) {
    const auto [base, each] = laws[g];
    const IterationLaw law = iteration_law(serving, jobs.fleet().generations[g].chip, 1);
    const RequestMeans requests = calibration_requests();
    // 1,000 sequences with their share of prompts and their contexts.
    const double tokens = 1000 * (150 + 294.45 - 1) / 294.45;
    const double time =
        law.fixed + law.compute * tokens + law.per_context * 1000 * requests.context;
    EXPECT_NEAR(time, base + 1000 * each, 1e-9);
  }
}

/// Written apart from the calibration, from weights and FLOPs: within a third of it where the
/// calibration was measured.
TEST(IterationLaws, RooflineIsNearTheCalibration) {
  for (const char* chips : {"fleet.chips=H100:8", "fleet.chips=H200:8", "fleet.chips=B200:8"}) {
    const auto lines = join(chips,
                            "job.compute_time=1s\nserving.load=0.5\n"
                            "serving.input_tokens=150\nserving.output_tokens=294");
    const Jobs calibrated = served_jobs(lines);
    const Jobs roofline = served_jobs(join(lines, "serving.law=roofline"));
    const double ratio =
        ServedFleet(roofline).rated_requests() / ServedFleet(calibrated).rated_requests();
    EXPECT_GT(ratio, 0.6) << chips;
    EXPECT_LT(ratio, 1.67) << chips;
  }
}

}  // namespace
}  // namespace lockstep
