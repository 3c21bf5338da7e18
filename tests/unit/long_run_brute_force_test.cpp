#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "engine/reliability/failures/failures.hpp"
#include "tests/unit/long_run_case.hpp"

namespace lockstep {
namespace {

using test::Case;
using test::day;
using test::hour;
using test::lost;

/// The same run, a tick of time after another.
LongRun in_ticks(const Case& c, std::uint64_t seed, std::uint32_t trial, double tick) {
  const Reliability& r = c.reliability;
  Failures failures(r, c.job, seed, trial);
  const Stream repairs{seed, purpose::repair, trial};
  std::vector<double> back;  // ends of repairs
  std::vector<bool> there(static_cast<std::size_t>(c.job.nodes), true);
  std::vector<std::size_t> empty;
  auto spares = r.spares.value();
  Failure failure = failures.next();
  double saving = 0, detecting = 0, restarting = 0, computed = 0, stalled = 0, kept = 0;
  LongRun run;
  const auto lose = [&](LossCause cause, double time) {
    run.time_lost[static_cast<std::size_t>(cause)] += time;
  };
  for (double now = 0; now < r.horizon; now += tick) {
    for (std::size_t i = 0; i < back.size();) {
      if (back[i] > now) {
        ++i;
        continue;
      }
      back.erase(back.begin() + static_cast<std::ptrdiff_t>(i));
      if (empty.empty()) {
        ++spares;
      } else {
        there[empty.front()] = true;
        empty.erase(empty.begin());
      }
    }
    for (; failure.time <= now; failure = failures.next()) {
      const bool of_nodes =
          failure.cause == FailureCause::node || failure.cause == FailureCause::domain;
      const std::uint64_t source = of_nodes ? 0 : 2 + static_cast<std::uint64_t>(failure.cause);
      bool hit = failure.nodes.first == failure.nodes.last;
      for (std::int64_t node = failure.nodes.first; node < failure.nodes.last; ++node) {
        const auto leaves = [&](const NodeSpan& s) { return s.first <= node && node < s.last; };
        if (std::ranges::none_of(failure.leaving(), leaves)) continue;
        const auto place = static_cast<std::size_t>(node);
        if (!there[place]) continue;
        hit = true;
        back.push_back(failure.time +
                       r.repair_time.sample(repairs.uniform(source, failure.number)));
        if (spares > 0) {
          --spares;
        } else {
          there[place] = false;
          empty.push_back(place);
        }
      }
      if (!hit) continue;
      if (failure.kind == Failure::Kind::plan) {
        const double whole = std::floor(computed / c.step_time) * c.step_time;
        if (whole > 0) saving = r.checkpoint_write_time;
        kept += whole;
        computed -= whole;
      } else {
        detecting = r.detection_time;
      }
      lose(LossCause::lost_work, computed);
      computed = stalled = 0;
      restarting = r.restart_time;
      run.interruptions += 1;
    }
    if (saving > tick / 2) {
      saving -= tick;
      lose(LossCause::checkpoint, tick);
    } else if (detecting > tick / 2) {
      detecting -= tick;
      lose(LossCause::detection, tick);
    } else if (!empty.empty()) {
      lose(LossCause::waiting, tick);
    } else if (restarting > tick / 2) {
      restarting -= tick;
      lose(LossCause::restart, tick);
    } else if (computed < *r.checkpoint.steps * c.step_time - tick / 2) {
      computed += tick;
    } else {
      stalled += tick;
      lose(LossCause::checkpoint, tick);
      if (stalled < r.checkpoint_write_time - tick / 2) continue;
      kept += computed;
      computed = stalled = 0;
    }
  }
  run.goodput = (kept + computed) / r.horizon;
  return run;
}

TEST(LongRun, EqualsTheSameRunInTicks) {
  constexpr double tick = 0.25;
  double waiting = 0, ignored = 0, several = 0, planned = 0;
  for (std::uint32_t trial = 0; trial < 24; ++trial) {
    SCOPED_TRACE(trial);
    Case c(400);
    c.job.nodes = 4;
    c.reliability.node_failure_rate = 1.0 / 1600;
    c.reliability.spares = trial % 3;
    c.reliability.detection_time = 20;
    c.reliability.restart_time = 60;
    c.reliability.checkpoint.steps = 50;
    c.reliability.checkpoint_write_time = 10;
    c.reliability.repair_time = Distribution::parse("exponential(mean=700s)", Dimension::time);
    if (trial >= 12) {  // with other failures than of single nodes
      c.job.domains = {0, 2, 4};
      c.job.switches = {{{0, 1}, {2, 3}}, {{2, 4}}};
      c.job.optical_switches = 3;
      c.reliability.node_failure_rate = 1.0 / 8000;
      c.reliability.rates.domain_share = 0.5;
      c.reliability.rates.leaf_switch = 1.0 / 6000;
      c.reliability.rates.optical_switch = 1.0 / 20000;
      c.reliability.rates.maintenance = 1.0 / 5000;
    }
    const LongRun run = c.run(trial, 5), slow = in_ticks(c, 5, trial, tick);
    EXPECT_EQ(run.interruptions, slow.interruptions);
    const double tolerance = 2 * tick * (run.interruptions + 1);  // a tick at each change
    for (std::size_t i = 0; i < loss_causes.size(); ++i)
      // A checkpoint done or not by less than a tick moves a whole segment.
      EXPECT_NEAR(run.time_lost[i], slow.time_lost[i], tolerance + 2 * 60) << loss_causes[i];
    EXPECT_NEAR(run.goodput * day, slow.goodput * day, tolerance + 2 * 60);
    waiting += lost(run, LossCause::waiting);
    const std::vector<Failure> failures = test::all_failures(c, trial, 5);
    ignored += static_cast<double>(failures.size()) - run.interruptions;
    for (const Failure& failure : failures) {
      several += failure.nodes.last > failure.nodes.first + 1 ? 1 : 0;
      planned += failure.kind == Failure::Kind::plan ? 1 : 0;
    }
  }
  EXPECT_GT(waiting, 12 * hour);
  EXPECT_GT(ignored, 12);  // failures of places without a node
  EXPECT_GT(several, 100);
  EXPECT_GT(planned, 100);
}

/// A machine of whole units, each spare and each place of the job one of them, node by node.
struct Machine {
  std::vector<std::vector<double>> repaired;  ///< (units, nodes of each) [s]; 0: healthy
  std::vector<std::ptrdiff_t> unit_at;        ///< (places) -1: none
  std::vector<std::size_t> empty;             ///< places, longest empty first

  Machine(std::size_t places, std::size_t spares, std::size_t nodes)
      : repaired(places + spares, std::vector<double>(nodes, 0.0)), unit_at(places) {
    std::iota(unit_at.begin(), unit_at.end(), 0);
  }
  bool usable(std::size_t unit, double now) const {
    for (double end : repaired[unit])
      if (end > now) return false;
    return std::find(unit_at.begin(), unit_at.end(), static_cast<std::ptrdiff_t>(unit)) ==
           unit_at.end();
  }
  void fill(double now) {
    for (std::size_t unit = 0; unit < repaired.size() && !empty.empty(); ++unit)
      if (usable(unit, now)) {
        unit_at[empty.front()] = static_cast<std::ptrdiff_t>(unit);
        empty.erase(empty.begin());
      }
  }
  double next_repair(double now) const {
    double next = std::numeric_limits<double>::infinity();
    for (const auto& unit : repaired)
      for (double end : unit)
        if (end > now) next = std::min(next, end);
    return next;
  }
};

TEST(LongRun, WaitsExactlyWhileTheMachineHasNoHealthyUnit) {
  double most_waited = 0;
  int waited = 0;
  for (std::int64_t per_unit : {1, 2, 8})
    for (std::int64_t spares : {0, 1, 2, 3, 8, 17}) {
      SCOPED_TRACE(per_unit);
      SCOPED_TRACE(spares);
      Case c(900);
      c.job.nodes = 8;
      c.job.nodes_per_unit = per_unit;
      c.reliability.node_failure_rate = 1.0 / (8 * 900);
      c.reliability.spares = spares;
      c.reliability.repair_time = Distribution::parse("exponential(mean=1h)", Dimension::time);
      const LongRun run = c.run(2, 9);
      Machine machine(static_cast<std::size_t>(8 / per_unit),
                      static_cast<std::size_t>(spares / per_unit),
                      static_cast<std::size_t>(per_unit));
      NodeFailures failures(c.reliability, c.job, 9, 2);
      const Stream repairs{9, purpose::repair, 2};
      double now = 0, waiting = 0, interruptions = 0;
      NodeFailure failure = failures.next();
      for (std::uint32_t number = 0; now < day;) {
        const double repair = machine.next_repair(now);
        const double then = std::min({failure.time, repair, day});
        if (!machine.empty.empty()) waiting += then - now;
        now = then;
        machine.fill(now);
        if (now < failure.time || now >= day) continue;
        const auto place = static_cast<std::size_t>(failure.node / per_unit);
        const auto unit = machine.unit_at[place];
        if (unit >= 0) {
          machine.repaired[static_cast<std::size_t>(unit)]
                          [static_cast<std::size_t>(failure.node % per_unit)] =
              now + c.reliability.repair_time.sample(repairs.uniform(0, number));
          machine.unit_at[place] = -1;
          machine.empty.push_back(place);
          machine.fill(now);
          interruptions += 1;
        }
        failure = failures.next();
        ++number;
      }
      EXPECT_EQ(run.interruptions, interruptions);
      EXPECT_NEAR(lost(run, LossCause::waiting), waiting, 1e-6);
      most_waited = std::max(most_waited, waiting);
      waited += waiting > 0 ? 1 : 0;
    }
  EXPECT_GT(most_waited, 0.5 * day);
  EXPECT_GT(waited, 8);
  EXPECT_LT(waited, 18);
}

}  // namespace
}  // namespace lockstep
