// Failures of replicas: those of the long runs of the same trial, from a state in which as many are
// down as ever, against the theory of renewals.

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "engine/base/error.hpp"
#include "engine/reliability/failures/failures.hpp"
#include "engine/serving/fleet/cell_failures.hpp"
#include "engine/serving/served_fleet.hpp"
#include "engine/training/jobs.hpp"
#include "tests/unit/scenario_values.hpp"
#include "tests/unit/served_mix.hpp"

namespace lockstep {
namespace {

using test::join;
using test::served_jobs;
using test::served_mix;

constexpr std::uint64_t seed = test::served_seed;
constexpr double reload = 20, down_time = 25;  // with 5 s until it is noticed

// 4 replicas of a node of H100, 8 of H200, 4 of GB200.
const std::string fleet = join(served_mix, R"(
  serving.warmup_time=2min
  serving.window=8min
  serving.reload_time=20s
  reliability.horizon=1d
  reliability.node_failure_rate=20/d
  reliability.detection_time=5s
)");
const std::vector<std::int64_t> chips{2, 1, 1};

std::vector<ReplicaPlace> places_of(const Jobs& jobs) {
  return FleetCells(jobs.fleet(), place(jobs.fleet(), seed), chips, 1000).cell(0);
}

double metric(const Jobs& jobs, std::uint32_t trial, std::string_view name) {
  const Execution how(1);
  const MetricValues values = ServedFleet(jobs).run_trial({trial, how, {}, {}});
  std::size_t i = 0;
  for (const auto& row : serving_metrics()) {
    if (row.metric.variable.name == name) return values[i][0];
    ++i;
  }
  throw std::logic_error("no such metric");
}

TEST(ServedFailures, AreThoseOfTheLongRun) {
  const Jobs jobs = served_jobs(fleet);
  const auto places = places_of(jobs);
  const CellFailures of_cell(jobs, reload, chips);
  const double begin = of_cell.past(), end = begin + 600;
  EXPECT_GE(begin, 10 * down_time);
  const auto changes = of_cell.of(places, 1, 600);
  const PreparedLongRun run(*jobs.all().front(), jobs.values());
  Failures failures(run.reliability(), run.job(), seed, 1);
  std::set<Ticks> expected;
  for (Failure f = failures.next(); f.time < end; f = failures.next())
    if (f.time > begin) expected.insert(ticks_of(f.time - begin));
  ASSERT_GT(expected.size(), 1);
  std::set<Ticks> failed;
  for (const CellChange& change : changes) {
    if (change.kind != CellChange::Kind::failure || change.time == 0) continue;
    failed.insert(change.time);
    const auto generation = places[static_cast<std::size_t>(change.replica)].generation;
    const auto of_node = std::ranges::count_if(changes, [&](const CellChange& other) {
      return other.kind == change.kind && other.time == change.time &&
             places[static_cast<std::size_t>(other.replica)].generation == generation;
    });
    EXPECT_EQ(of_node, generation == 1 ? 8 : 4);
  }
  EXPECT_EQ(failed, expected);
}

TEST(ServedFailures, CostTimeAndRequestsWhereThoseAreLost) {
  const Jobs restart = served_jobs(fleet),
             lose = served_jobs(join(fleet, "serving.on_failure=lose"));
  EXPECT_GT(metric(restart, 1, "serving_down_share"), 0.001);
  EXPECT_EQ(metric(restart, 1, "requests_lost"), 0);
  EXPECT_GT(metric(lose, 1, "requests_lost"), 0);
  const Jobs none = served_jobs(join(fleet, "reliability.horizon=none"));
  EXPECT_EQ(metric(none, 1, "serving_down_share"), 0);
}

/// Failures of a node's place in a time `within` after one: the renewal function, by
/// M(t) = F(t) + integral of M(t - u) dF(u) in steps, M(t) itself in the first of them (Cox,
/// Renewal Theory, 1962, chapter 4).
double renewals(double within, double mean, double shape) {
  constexpr std::size_t steps = 2000;
  const double scale = mean / std::tgamma(1 + 1 / shape);
  std::vector<double> law{0}, count{0};
  for (std::size_t i = 1; i <= steps; ++i) {
    const double time = within * static_cast<double>(i) / steps;
    law.push_back(1 - std::exp(-std::pow(time / scale, shape)));
    double sum = law[i] + 0.5 * count[i - 1] * law[1];
    for (std::size_t j = 2; j <= i; ++j)
      sum += 0.5 * (count[i - j] + count[i - j + 1]) * (law[j] - law[j - 1]);
    count.push_back(sum / (1 - 0.5 * law[1]));
  }
  return count.back();
}

/// Share of nodes, each by one of its replicas, that are down at `time`, over trials, which are
/// independent.
struct DownShare {
  double share = 0, nodes = 0;
  /// Distance from what is expected, in standard errors of so many nodes.
  double z(double expected) const {
    return (share - expected) / std::sqrt(expected * (1 - expected) / nodes);
  }
};

constexpr std::uint32_t trials = 500;

DownShare down_at(const Jobs& jobs, double time) {
  const auto places = places_of(jobs);
  const CellFailures failures(jobs, reload, chips);
  DownShare all;
  for (std::uint32_t trial = 0; trial < trials; ++trial) {
    std::vector<int> down(places.size(), 0);
    for (const CellChange& change : failures.of(places, trial, time + 1))
      if (change.time <= ticks_of(time))
        down[static_cast<std::size_t>(change.replica)] = change.kind == CellChange::Kind::failure;
    for (std::size_t r = 0; r < places.size(); ++r)
      if (places[r].first_chip % (places[r].generation == 2 ? 4 : 8) == 0) {
        all.share += down[r];
        all.nodes += 1;
      }
  }
  all.share /= all.nodes;
  return all;
}

/// The same with everything up when the long run begins, as a trial that knows no past has it.
DownShare down_without_past(const Jobs& jobs, double time) {
  const PreparedLongRun run(*jobs.all().front(), jobs.values());
  DownShare all;
  for (std::uint32_t trial = 0; trial < trials; ++trial) {
    Failures failures(run.reliability(), run.job(), seed, trial);
    std::set<std::int64_t> down;
    for (Failure f = failures.next(); f.time <= time; f = failures.next())
      if (f.time > time - down_time) down.insert(f.nodes.first);
    all.share += static_cast<double>(down.size());
    all.nodes += static_cast<double>(run.job().nodes);
  }
  all.share /= all.nodes;
  return all;
}

struct Lifetimes {
  double rate;  ///< failures of a node in its down time
  double shape;
};

class DownShares : public testing::TestWithParam<Lifetimes> {};

/// Down times over these and up times: a node is up until the first failure after its return, so
/// that it fails every (1 + renewals in a down time) mean lifetimes.
TEST_P(DownShares, AreTheStationaryOnesFromTheStartOn) {
  const auto [rate, shape] = GetParam();
  const Jobs jobs = served_jobs(
      join(fleet, "reliability.node_failure_rate=" + std::to_string(rate / down_time * 3600) + "/h",
           shape == 1 ? "" : "reliability.failure_law=weibull",
           "reliability.failure_shape=" + std::to_string(shape)));
  const double expected = rate / (1 + renewals(down_time, down_time / rate, shape));
  if (shape == 1) {
    EXPECT_NEAR(expected, rate / (1 + rate), 1e-5);
  }
  for (const double time : {0.0, 0.5 * down_time, 3 * down_time}) {
    const DownShare measured = down_at(jobs, time);
    ASSERT_EQ(measured.nodes, trials * 18);
    EXPECT_LT(std::abs(measured.z(expected)), 5)
        << measured.share << " for " << expected << " at " << time;
  }
  const DownShare naive = down_without_past(jobs, 0.5 * down_time);
  EXPECT_GT(std::abs(naive.z(expected)), 5) << naive.share << " for " << expected;
}

INSTANTIATE_TEST_SUITE_P(Serving, DownShares,
                         testing::Values(Lifetimes{0.05, 1}, Lifetimes{0.85, 1}, Lifetimes{4, 1},
                                         Lifetimes{0.85, 0.7}, Lifetimes{0.85, 2.5}));

/// Of whole trials, whose window is shorter than a down time. Their replicas' states hardly change
/// within it: the variance is at most that of one state a node.
TEST(DownShares, AreThoseOfTrials) {
  const Jobs jobs = served_jobs(join(fleet, R"(
    serving.reload_time=2h
    reliability.node_failure_rate=0.4/h
    serving.load=0.1
  )"));
  const double x = 0.4 * (2 + 5.0 / 3600), expected = x / (1 + x);
  double sum = 0;
  constexpr int count = 40;
  for (std::uint32_t trial = 0; trial < count; ++trial)
    sum += metric(jobs, trial, "serving_down_share") / count;
  // Replicas of nodes: 8 x 4, 4 x 8, 6 x 4 of 88.
  const double squares = (8 * 16 + 4 * 64 + 6 * 16) / (88.0 * 88);
  EXPECT_NEAR(sum, expected, 5 * std::sqrt(expected * (1 - expected) * squares / count));
  // All up at first, hardly any would be down.
  EXPECT_GT(expected - (600 / 3600.0) * 0.4,
            5 * std::sqrt(expected * (1 - expected) * squares / count));
}

TEST(ServedFailures, AreRefusedWhereTheyNeverSettle) {
  try {
    served_jobs(join(fleet, "serving.reload_time=10d\nreliability.node_failure_rate=1000/d"));
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("settle how many replicas are down"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace lockstep
