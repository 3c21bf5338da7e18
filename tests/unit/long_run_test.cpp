#include "engine/reliability/long_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/base/elementary.hpp"
#include "engine/reliability/checkpoint.hpp"
#include "engine/reliability/failures/node_failures.hpp"
#include "tests/unit/long_run_case.hpp"

namespace lockstep {
namespace {

using test::Case;
using test::day;
using test::hour;
using test::lost;
using test::total;

double mean_goodput(const Case& c, std::uint32_t trials) {
  double sum = 0;
  for (std::uint32_t trial = 0; trial < trials; ++trial) sum += c.run(trial).goodput;
  return sum / trials;
}

/// Mean and variance of the time to complete one segment of length w between checkpoints, where a
/// failure (rate l) costs a recovery of length r that begins again at a failure.
struct Segment {
  double mean, variance;
};

Segment segment(double l, double r, double w) {
  const double p = std::exp(-l * w), q = 1 - p;
  // What a failed attempt takes, an exponential below w, and the recovery: the wait for a gap of
  // length r in a Poisson process.
  const double attempt = 1 / l - w * p / q;
  const double square = (2 / (l * l) - p * (w * w + 2 * w / l + 2 / (l * l))) / q;
  const double recovery = std::expm1(l * r) / l;
  const double recovery_variance =
      (std::exp(2 * l * r) - 2 * l * r * std::exp(l * r) - 1) / (l * l);
  const double both = attempt + recovery;
  return {w + q / p * both,
          q / p * (square - attempt * attempt + recovery_variance) + q / (p * p) * both * both};
}

TEST(LongRun, SegmentsTakeWhatRenewalTheorySays) {
  constexpr double between = 1000, recovery = 300, computing = 395, stall = 5;
  constexpr double segments = 1e5;
  constexpr std::uint32_t trials = 20;
  Case c(between);
  c.reliability.detection_time = 50;
  c.reliability.restart_time = 200;
  c.reliability.communicator_startup = 0.5;  // x 100 ranks
  c.reliability.checkpoint.time = computing;
  c.reliability.checkpoint_write_time = stall;
  const double l = 1 / between, w = computing + stall;
  const Segment expected = segment(l, recovery, w);
  EXPECT_NEAR(expected.mean, std::exp(l * recovery) * std::expm1(l * w) / l, 1e-9 * between);
  c.reliability.horizon = segments * expected.mean;
  // The number of segments of a renewal process: mean T / m, variance T v / m^3, but for O(1).
  const double sd = std::sqrt(segments * expected.variance / std::pow(expected.mean, 2) / trials);
  const double done = mean_goodput(c, trials) * c.reliability.horizon / computing;
  const auto z = [&](double mean) { return (done - c.reliability.horizon / mean) / sd; };
  EXPECT_LT(std::abs(z(expected.mean)), 5);
  // The control: were recoveries not interrupted, or the stall not part of the segment.
  EXPECT_GT(std::abs(z((1 / l + recovery) * std::expm1(l * w))), 20);
  EXPECT_GT(std::abs(z(std::exp(l * recovery) * std::expm1(l * computing) / l)), 20);
}

TEST(LongRun, InterruptionsArePoisson) {
  constexpr double mean = 12;
  constexpr std::uint32_t trials = 20000;
  constexpr std::size_t cells = 26;  // the last: that many and more
  Case c(day / mean);
  std::vector<double> seen(cells, 0);
  for (std::uint32_t trial = 0; trial < trials; ++trial)
    ++seen[std::min(cells - 1, static_cast<std::size_t>(c.run(trial, 7).interruptions))];
  const auto chance = [&](double rate) {  // that a Poisson law of this mean gives what was seen
    double square = 0, left = 1, pooled = 0, pooled_seen = 0, freedom = -1;
    for (std::size_t k = 0; k < cells; ++k) {
      const double share = k + 1 == cells
                               ? left
                               : std::exp(-rate + static_cast<double>(k) * std::log(rate) -
                                          std::lgamma(static_cast<double>(k) + 1));
      left -= share;
      pooled += share * trials;
      pooled_seen += seen[k];
      if (pooled < 10) continue;  // cells of few are counted together
      square += (pooled_seen - pooled) * (pooled_seen - pooled) / pooled;
      pooled = pooled_seen = 0;
      ++freedom;
    }
    EXPECT_GT(freedom, 10);
    return elementary::gamma_tails(freedom / 2, square / 2).upper;
  };
  EXPECT_GT(chance(mean), 1e-6);
  EXPECT_LT(chance(1.02 * mean), 1e-6);  // the control: a rate 2 % off
}

TEST(LongRun, WeibullNodesFailAtTheirRateFromTheStartOn) {
  constexpr std::uint32_t trials = 4000;
  for (double shape : {0.5, 0.7, 3.0}) {
    SCOPED_TRACE(shape);
    Case c(day / 50);
    c.reliability.failure_shape = shape;
    double sum = 0, squares = 0, early = 0, early_squares = 0;
    for (std::uint32_t trial = 0; trial < trials; ++trial) {
      NodeFailures failures(c.reliability, c.job, 3, trial);
      double all = 0, first_tenth = 0, last = 0;
      for (NodeFailure f = failures.next(); f.time < day; f = failures.next()) {
        ASSERT_GE(f.time, last);
        ASSERT_LT(f.node, c.job.nodes);
        last = f.time;
        all += 1;
        first_tenth += f.time < day / 10 ? 1 : 0;
      }
      sum += all;
      squares += all * all;
      early += first_tenth;
      early_squares += first_tenth * first_tenth;
    }
    const auto z = [&](double s, double q, double expected) {
      const double mean = s / trials;
      return (mean - expected) / std::sqrt((q / trials - mean * mean) / trials);
    };
    EXPECT_LT(std::abs(z(sum, squares, 50)), 5);
    EXPECT_LT(std::abs(z(early, early_squares, 5)), 5);
    // The control: nodes new at the start would fail 100 P(lifetime < day / 10) times and more.
    const double scale = 2 * day / std::tgamma(1 + 1 / shape);
    const double fresh = -100 * std::expm1(-std::pow(day / 10 / scale, shape));
    EXPECT_GT(std::abs(z(early, early_squares, fresh)), 5);
  }
}

TEST(LongRun, WithoutFailuresOnlyCheckpointsCost) {
  Case c(0);
  c.reliability.checkpoint.steps = 95;
  c.reliability.checkpoint_write_time = 5;
  const LongRun run = c.run(0);
  EXPECT_NEAR(run.goodput, 0.95, 1e-12);  // a day is 864 times 95 + 5 s
  EXPECT_NEAR(lost(run, LossCause::checkpoint), 864 * 5, 1e-6);
  EXPECT_NEAR(total(run), 864 * 5, 1e-6);
  EXPECT_EQ(run.interruptions, 0);
  EXPECT_EQ(run.spares_used, 0);
  EXPECT_TRUE(std::isnan(run.mean_time_between_interruptions));
  c.reliability.checkpoint.steps.reset();  // optimal: none
  EXPECT_EQ(c.run(0).goodput, 1);
  EXPECT_EQ(c.run(0).steps_done, day);
}

TEST(LongRun, EndsWhereNothingFinishes) {
  Case recoveries(1);
  recoveries.reliability.checkpoint.steps = 100;
  recoveries.reliability.restart_time = 1000;
  const LongRun run = recoveries.run(0);
  EXPECT_EQ(run.goodput, 0);
  EXPECT_EQ(run.steps_done, 0);
  EXPECT_NEAR(run.interruptions, day, 6 * std::sqrt(day));
  EXPECT_NEAR(total(run), day, 1e-6 * day);

  Case segments(10);  // of an hour, each: only what follows the last failure is kept
  segments.reliability.checkpoint.time = hour;
  EXPECT_LT(segments.run(0).goodput, 0.005);

  Case nodes(1);  // none comes back
  nodes.reliability.checkpoint.steps = 100;
  nodes.reliability.spares = 0;
  nodes.reliability.repair_time = Distribution(10 * day);
  EXPECT_EQ(nodes.run(0).goodput, 0);
  EXPECT_EQ(nodes.run(0).interruptions, 100);
}

TEST(LongRun, TimeIsConserved) {
  std::array<double, loss_causes.size()> most{};
  int cases = 0;
  for (double shape : {1.0, 0.6})
    for (std::optional<std::int64_t> spares : {std::optional<std::int64_t>(), {0}, {2}})
      for (double step : {0.3, 7.7, 1e4})
        for (std::uint32_t trial = 0; trial < 20; ++trial) {
          Case c(1.3 * hour);
          c.step_time = step;
          c.job.replicas = 10;
          c.reliability.shrinks = trial % 2 == 1;
          c.reliability.horizon = 30 * day;
          c.reliability.failure_shape = shape;
          c.reliability.spares = spares;
          c.reliability.detection_time = 61.7;
          c.reliability.restart_time = 611.1;
          c.reliability.checkpoint_write_time = 5.3;
          c.reliability.repair_time =
              Distribution::parse("lognormal(mean=2h, sigma=1)", Dimension::time);
          const LongRun run = c.run(trial);
          EXPECT_NEAR((total(run) + run.steps_done * step) / (30 * day), 1, 1e-12);
          EXPECT_EQ(run.steps_done, std::floor(run.steps_done));
          EXPECT_GT(run.interruptions, 0);
          EXPECT_LE(run.spares_used, spares ? static_cast<double>(*spares) : 1e9);
          EXPECT_EQ(lost(run, LossCause::waiting) > 0, spares && !c.reliability.shrinks);
          for (std::size_t i = 0; i < most.size(); ++i) {
            EXPECT_GE(run.time_lost[i], 0);
            most[i] = std::max(most[i], run.time_lost[i]);
          }
          ++cases;
        }
  EXPECT_EQ(cases, 360);
  for (std::size_t i = 0; i <= static_cast<std::size_t>(LossCause::shrunk); ++i)
    EXPECT_GT(most[i], 0) << loss_causes[i];
}

TEST(LongRun, ShrinksByWholeReplicas) {
  int met = 0;
  for (std::uint32_t trial = 0; trial < 200; ++trial) {
    Case c(day);
    c.job.replicas = 10;
    c.reliability.spares = 0;
    c.reliability.shrinks = true;
    c.reliability.repair_time = Distribution(10 * day);
    const LongRun run = c.run(trial);
    EXPECT_EQ(lost(run, LossCause::waiting), 0);
    EXPECT_NEAR(total(run) + run.steps_done, day, 1e-6);
    if (run.interruptions != 1) continue;
    ++met;
    NodeFailures failures(c.reliability, c.job, 1, trial);
    const double failed = failures.next().time;
    // One node of a hundred less is one replica of ten less; at most two steps are cut.
    EXPECT_NEAR(run.steps_done, failed + 0.9 * (day - failed), 2);
    EXPECT_NEAR(lost(run, LossCause::shrunk), 0.1 * (day - failed), 2);
  }
  EXPECT_GT(met, 40);

  Case c(1.0);  // in the end no replica is left
  c.job.replicas = 10;
  c.reliability.spares = 0;
  c.reliability.shrinks = true;
  c.reliability.repair_time = Distribution(10 * day);
  EXPECT_GT(lost(c.run(0), LossCause::waiting), 0.9 * day);
}

TEST(LongRun, ASmallerJobMeetsNoFailureOfNodesThatItRunsWithout) {
  Case c(5 * hour);
  c.job.nodes = c.job.replicas = 8;
  c.reliability.node_failure_rate = 1 / (8 * 5 * hour);
  c.reliability.horizon = 60 * day;
  c.reliability.spares = 0;
  c.reliability.shrinks = true;
  c.reliability.repair_time = Distribution(hour);
  EqualStepTimes steps(1, 0, 8);
  Timeline timeline;
  run_over_horizon(c.reliability, c.job, steps, 1, 0, 1, &timeline);
  std::int64_t left = -1;  // with the last stop, and not back before the next one
  int stops = 0, spared = 0;
  for (const TimelineEvent& event : timeline) {
    if (event.cause == repair_cause) continue;
    if (event.effect == TimelineEvent::Effect::none) {
      ++spared;
      continue;
    }
    EXPECT_NE(event.nodes.first, left);
    left = event.nodes.first;
    ++stops;
  }
  EXPECT_GT(stops, 100);
  EXPECT_GT(spared, 10);
}

TEST(LongRun, OpticalSwitchesAddToEveryRestart) {
  Case c(hour);
  c.reliability.restart_time = 100;
  const double without = lost(c.run(0), LossCause::restart);
  c.reliability.ocs_reconfiguration_time = 10;
  EXPECT_EQ(lost(c.run(0), LossCause::restart), without);
  c.job.reconfigures_ocs = true;
  EXPECT_GT(lost(c.run(0), LossCause::restart), 1.05 * without);
}

TEST(LongRun, TheSameFailuresMeetEveryDesignPoint) {
  Case quick(hour), slow(hour);
  slow.step_time = 97;
  slow.reliability.restart_time = 2000;
  slow.reliability.checkpoint.steps = 3;
  for (std::uint32_t trial = 0; trial < 20; ++trial) {
    EXPECT_EQ(quick.run(trial).interruptions, slow.run(trial).interruptions);
    EXPECT_EQ(quick.run(trial).spares_used, slow.run(trial).spares_used);
  }
}

/// Steps of a second; some nodes have a persistent straggler when the run begins, and every one
/// that comes to the places from `slow_from` on.
class Stragglers final : public StepTimes {
 public:
  Stragglers(std::vector<std::int64_t> nodes, std::int64_t slow_from)
      : nodes_(std::move(nodes)), slow_from_(slow_from) {}
  void replace(std::int64_t first, std::int64_t, bool) override {
    ++replaced;
    if (first >= slow_from_) nodes_.push_back(first);
  }
  double step_time() override { return 1; }
  double communication_time() override { return 0; }
  double slowdown(std::int64_t) override { return cannot_run; }
  std::vector<std::int64_t> new_stragglers() override { return std::exchange(nodes_, {}); }

  int replaced = 0;

 private:
  std::vector<std::int64_t> nodes_;
  std::int64_t slow_from_;
};

TEST(LongRun, StragglersOfOneUnitLeaveWithIt) {
  Case c(0);
  c.job.nodes_per_unit = 10;
  c.reliability.straggler_detection_time = hour;
  for (const auto& [other, units] : {std::pair(7, 1), {17, 2}}) {
    Stragglers steps({3, other}, 100);
    const LongRun run = run_over_horizon(c.reliability, c.job, steps, 1, 0, 1);
    EXPECT_EQ(run.interruptions, 1);
    EXPECT_EQ(run.spares_used, 10 * units);
    EXPECT_EQ(steps.replaced, units);
  }
}

TEST(LongRun, StragglersAreFoundOnlyOnceTheyRun) {
  Case c(2 * hour);
  c.reliability.horizon = 10 * day;
  c.reliability.spares = 0;
  c.reliability.repair_time = Distribution(hour);
  c.reliability.straggler_detection_time = 1e-3;
  int found = 0, put_off = 0;
  for (std::uint32_t trial = 0; trial < 20; ++trial) {
    Stragglers steps({}, 90);
    Timeline timeline;
    run_over_horizon(c.reliability, c.job, steps, 1, trial, 1, &timeline);
    double running = 0;
    for (const TimelineEvent& event : timeline) {
      if (event.effect == TimelineEvent::Effect::none) continue;
      if (event.cause == straggler_cause) {
        EXPECT_GE(event.time, running) << trial;
        ++found;
      }
      put_off += event.time < running;
      running = event.running;
    }
  }
  EXPECT_GT(found, 100);
  EXPECT_GT(put_off, 100);
}

TEST(LongRun, SparesInUseAreThoseInRepair) {
  // Failures at rate 1 / 400 s and repairs of 4,000 s: ten in repair on average, an M/G/infinity
  // queue, Poisson at any time; its peak over a day lies well above, below its mean + 6 sd.
  Case c(400);
  c.reliability.repair_time = Distribution(4000.0);
  for (std::uint32_t trial = 0; trial < 50; ++trial) {
    EXPECT_GT(c.run(trial).spares_used, 11);
    EXPECT_LT(c.run(trial).spares_used, 10 + 6 * std::sqrt(10.0));
  }
}

TEST(CheckpointInterval, OptimalIsWithin02PercentOfTheBest) {
  struct {
    double between, stall, restart;
    bool young_is_far_off;
  } const cases[] = {{1.8 * hour, 5, 660, false},
                     {0.23 * hour, 5, 660, false},
                     {hour, 300, 660, true},
                     {hour, 1200, 0, true}};
  constexpr std::uint32_t trials = 200;
  for (const auto& k : cases) {
    SCOPED_TRACE(k.between);
    SCOPED_TRACE(k.stall);
    Case c(k.between);
    c.reliability.horizon = 60 * day;
    c.reliability.restart_time = k.restart;
    c.reliability.checkpoint_write_time = k.stall;
    const double optimal = optimal_checkpoint_interval(k.stall, k.between);
    const double young = std::sqrt(2 * k.stall * k.between);
    EXPECT_EQ(young > 1.15 * optimal, k.young_is_far_off);
    const double found = mean_goodput(c, trials);
    double best = 0, worst = 1;
    for (double factor = 0.4; factor < 2.5; factor *= 1.04) {
      c.reliability.checkpoint.time = optimal * factor;
      const double goodput = mean_goodput(c, trials);
      best = std::max(best, goodput);
      worst = std::min(worst, goodput);
    }
    EXPECT_GT(found, 0.998 * best);
    EXPECT_LT(worst, 0.998 * best);  // the control: the grid tells intervals apart
  }
}

TEST(CheckpointInterval, PublishedExamples) {
  // Daly (2006), captions of Fig. 3, 4 and 5: a stall of 5 min, means of 24 h, 6 h and 15 min.
  for (auto [between, minutes, places] :
       {std::tuple{24 * hour, 117.0, 0.5}, {6 * hour, 57.0, 0.5}, {0.25 * hour, 9.1, 0.05}})
    EXPECT_NEAR(optimal_checkpoint_interval(300, between) / 60, minutes, places);
}

TEST(CheckpointInterval, Limits) {
  const double never = std::numeric_limits<double>::infinity();
  EXPECT_EQ(optimal_checkpoint_interval(5, never), never);
  EXPECT_EQ(optimal_checkpoint_interval(0, hour), 0);
  EXPECT_EQ(optimal_checkpoint_interval(3 * hour, hour), hour);  // Daly: above twice the mean
  Case c(hour);
  EXPECT_EQ(steps_between_checkpoints(c.reliability, 1 / hour, 60), 1);  // no stall: every step
  c.reliability.checkpoint.time = 100;
  EXPECT_EQ(steps_between_checkpoints(c.reliability, 1 / hour, 60), 2);
  EXPECT_EQ(steps_between_checkpoints(c.reliability, 1 / hour, 1000), 1);
  c.reliability.checkpoint.time = 1e300;
  EXPECT_EQ(steps_between_checkpoints(c.reliability, 1 / hour, 60), day / 60 + 1);
}

}  // namespace
}  // namespace lockstep
