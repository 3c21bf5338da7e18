#include "engine/reliability/failures/failures.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/unit/long_run_case.hpp"

namespace lockstep {
namespace {

using test::all_failures;
using test::Case;
using test::day;
using test::hour;
using test::lost;
using test::total;
using test::with_parts;

/// A sum over trials of counts, to be held against what is expected.
struct Counts {
  double trials = 0, sum = 0, squares = 0;

  void add(double count) {
    trials += 1;
    sum += count;
    squares += count * count;
  }
  double variance() const { return squares / trials - (sum / trials) * (sum / trials); }
  /// Of the mean, by the variance that was seen.
  double z(double expected) const {
    return (sum / trials - expected) / std::sqrt(variance() / trials);
  }
};

/// Sets the rate of one cause so that `count` of it are expected in a day.
void turn_on(Case& c, FailureCause cause, double count) {
  FailureRates& rates = c.reliability.rates;
  switch (cause) {
    case FailureCause::node:
    case FailureCause::domain:
      c.reliability.node_failure_rate = count / day / 100;
      break;
    case FailureCause::leaf_switch:
      rates.leaf_switch = count / day / 7;
      break;
    case FailureCause::cable:
      rates.cable = count / day / (60 * 8 + 40 * 4);
      break;
    case FailureCause::optical_switch:
      rates.optical_switch = count / day / 48;
      break;
    case FailureCause::maintenance:
      rates.maintenance = count / day / 100;
      break;
    case FailureCause::link_flap:
      rates.link_flap = count / day / (60 * 8 + 40 * 4);
      break;
  }
}

Case quiet_case() {
  return with_parts(Case(0));
}

TEST(Failures, EverySourceIsPoissonAtItsRate) {
  constexpr double mean = 20;
  constexpr std::uint32_t trials = 2000;
  for (std::size_t cause = 0; cause < failure_causes.size(); ++cause) {
    if (FailureCause(cause) == FailureCause::domain) continue;
    SCOPED_TRACE(failure_causes[cause]);
    Case c = quiet_case();
    turn_on(c, FailureCause(cause), mean);
    Counts counts;
    for (std::uint32_t trial = 0; trial < trials; ++trial) {
      const std::vector<Failure> failures = all_failures(c, trial);
      double last = 0;
      for (const Failure& failure : failures) {
        ASSERT_EQ(failure.cause, FailureCause(cause));
        ASSERT_GE(failure.time, last);
        last = failure.time;
      }
      counts.add(static_cast<double>(failures.size()));
    }
    const auto z = [&](double rate) {
      return (counts.sum - trials * rate) / std::sqrt(trials * rate);
    };
    EXPECT_LT(std::abs(z(mean)), 5);
    EXPECT_GT(std::abs(z(1.05 * mean)), 5);  // the control: a rate 5 % off
    // A Poisson law's variance is its mean; the sample's has a relative sd of sqrt(2 / trials).
    EXPECT_NEAR(counts.variance() / mean, 1, 5 * std::sqrt(2.0 / trials));
  }
}

TEST(Failures, TakeTheNodesBelow) {
  Case c = quiet_case();
  for (FailureCause cause : {FailureCause::leaf_switch, FailureCause::cable,
                             FailureCause::optical_switch, FailureCause::maintenance})
    turn_on(c, cause, 50);
  std::array<double, 7> switches{};
  double first_cables = 0, cables = 0;
  for (std::uint32_t trial = 0; trial < 200; ++trial)
    for (const Failure& failure : all_failures(c, trial)) {
      const auto [first, last] = failure.nodes;
      if (failure.cause == FailureCause::leaf_switch) {
        EXPECT_EQ(first % 15, 0);
        EXPECT_EQ(last, std::min<std::int64_t>(100, first + 15));
        ++switches[static_cast<std::size_t>(first / 15)];
      } else if (failure.cause == FailureCause::optical_switch) {
        EXPECT_EQ(first, last);
      } else {
        EXPECT_EQ(last, first + 1);
        EXPECT_LE(last, 100);
        if (failure.cause == FailureCause::cable) {
          ++cables;
          first_cables += first < 60 ? 1 : 0;
        }
      }
      EXPECT_EQ(failure.kind, failure.cause == FailureCause::maintenance
                                  ? Failure::Kind::plan
                                  : Failure::Kind::interruption);
    }
  for (double seen : switches) EXPECT_NEAR(seen, 200 * 50 / 7.0, 5 * std::sqrt(200 * 50 / 7.0));
  // 60 of 100 nodes have 8 cables, the others 4: three quarters of them.
  EXPECT_NEAR(first_cables, 0.75 * cables, 5 * std::sqrt(cables * 0.75 * 0.25));
  EXPECT_GT(std::abs(first_cables - 0.6 * cables), 5 * std::sqrt(cables * 0.6 * 0.4));
}

TEST(Failures, NodesFailAtTheRateOfTheirGeneration) {
  for (double shape : {1.0, 0.7}) {
    SCOPED_TRACE(shape);
    Case c(0);
    c.reliability.failure_shape = shape;
    c.job.node_rates.add(30, 0.2 / day);
    c.job.node_rates.add(20, 0);
    c.job.node_rates.add(50, 0.6 / day);
    EXPECT_DOUBLE_EQ(interruption_rate(c.reliability, c.job) * day, 36);
    std::array<Counts, 3> counts;
    for (std::uint32_t trial = 0; trial < 2000; ++trial) {
      std::array<double, 3> seen{};
      for (const Failure& failure : all_failures(c, trial))
        ++seen[failure.nodes.first < 30 ? 0 : failure.nodes.first < 50 ? 1 : 2];
      for (std::size_t i = 0; i < 3; ++i) counts[i].add(seen[i]);
    }
    EXPECT_LT(std::abs(counts[0].z(6)), 5);
    EXPECT_EQ(counts[1].sum, 0);
    EXPECT_LT(std::abs(counts[2].z(30)), 5);
    EXPECT_GT(std::abs(counts[0].z(36 * 0.3)), 5);  // the control: one rate for all
  }
}

TEST(Failures, DomainsLeaveTogether) {
  constexpr double share = 0.3, each = 0.2;  // of a node a day
  for (double shape : {1.0, 0.7}) {
    SCOPED_TRACE(shape);
    Case c = quiet_case();
    turn_on(c, FailureCause::node, 100 * each);
    c.reliability.failure_shape = shape;
    c.reliability.rates.domain_share = share;
    Case alone = c;
    alone.reliability.rates.domain_share = 0;
    Counts first_node, small_domain, large_domain, all;
    for (std::uint32_t trial = 0; trial < 3000; ++trial) {
      const std::vector<Failure> failures = all_failures(c, trial);
      const std::vector<Failure> before = all_failures(alone, trial);
      double first = 0, small = 0, large = 0;
      for (const Failure& failure : failures) {
        const auto [begin, end] = failure.nodes;
        first += begin == 0 ? 1 : 0;
        small += failure.cause == FailureCause::domain && begin == 0 && end == 20 ? 1 : 0;
        large += failure.cause == FailureCause::domain && begin == 20 && end == 99 ? 1 : 0;
        // Every one of them comes without domains, too, alone.
        ASSERT_LT(failure.number, before.size());
        ASSERT_EQ(failure.time, before[failure.number].time);
        ASSERT_LE(begin, before[failure.number].nodes.first);
        ASSERT_GE(end, before[failure.number].nodes.last);
      }
      first_node.add(first);
      small_domain.add(small);
      large_domain.add(large);
      all.add(static_cast<double>(failures.size()));
    }
    EXPECT_LT(std::abs(first_node.z(each)), 5);  // alone and with its domain
    EXPECT_LT(std::abs(small_domain.z(share * each)), 5);
    EXPECT_LT(std::abs(large_domain.z(share * each)), 5);
    const double expected = each * (99 * (1 - share) + 2 * share + 1);
    EXPECT_NEAR(interruption_rate(c.reliability, c.job) * day, expected, 1e-9);
    EXPECT_LT(std::abs(all.z(expected)), 5);
    EXPECT_GT(std::abs(all.z(each * 100)), 5);  // the control: no failures fewer
  }
}

TEST(Failures, LemonsFailMoreOften) {
  constexpr double each = 0.05, fraction = 0.1, factor = 8;
  for (double horizon : {2 * day, 60 * day}) {
    SCOPED_TRACE(horizon);
    Case c(0);
    c.reliability.horizon = horizon;
    c.reliability.node_failure_rate = each / day;
    Case without = c;
    c.reliability.rates.lemon_fraction = fraction;
    c.reliability.rates.lemon_factor = factor;
    Counts counts;
    for (std::uint32_t trial = 0; trial < 2000; ++trial) {
      const std::vector<Failure> failures = all_failures(c, trial);
      counts.add(static_cast<double>(failures.size()));
      auto at = failures.begin();
      for (const Failure& failure : all_failures(without, trial)) {
        while (at != failures.end() && at->time < failure.time) ++at;
        ASSERT_TRUE(at != failures.end() && at->time == failure.time);
        ASSERT_EQ(at->nodes.first, failure.nodes.first);
      }
    }
    EXPECT_LT(std::abs(counts.z(interruption_rate(c.reliability, c.job) * horizon)), 5);
    // The controls: lemons stay, or are as many at the start as at last.
    const double days = horizon / day;
    EXPECT_GT(std::abs(counts.z(100 * each * days * (1 + fraction * (factor - 1)))), 5);
    const double at_last = factor / (factor * (1 - fraction) + fraction);
    EXPECT_GT(std::abs(counts.z(100 * each * days * at_last)), 5);
  }
}

TEST(Failures, LemonsComeToAStationaryRate) {
  // A life is a lemon's with probability q and then f times shorter: a node fails 1 / (1 - q + q/f)
  // times as often, and as many failures as lives are lemons'.
  constexpr double each = 0.5, fraction = 0.2, factor = 5;
  for (double shape : {1.0, 0.7}) {
    SCOPED_TRACE(shape);
    Case c(0);
    c.reliability.horizon = 80 * day;
    c.reliability.failure_shape = shape;
    c.reliability.node_failure_rate = each / day;
    c.reliability.rates.lemon_fraction = fraction;
    c.reliability.rates.lemon_factor = factor;
    Counts counts;
    for (std::uint32_t trial = 0; trial < 300; ++trial) {
      const std::vector<Failure> failures = all_failures(c, trial);
      counts.add(static_cast<double>(std::count_if(
          failures.begin(), failures.end(), [](const Failure& f) { return f.time > 40 * day; })));
    }
    const double expected = 100 * each * 40 / (1 - fraction + fraction / factor);
    EXPECT_LT(std::abs(counts.z(expected)), 5);
    EXPECT_GT(std::abs(counts.z(1.03 * expected)), 5);
  }
}

TEST(Failures, SourcesLeaveEachOthersFailuresAlone) {
  Case all = quiet_case();
  for (std::size_t cause = 0; cause < failure_causes.size(); ++cause)
    turn_on(all, FailureCause(cause), 10 + static_cast<double>(cause));
  std::size_t seen = 0;
  for (std::uint32_t trial = 0; trial < 20; ++trial) {
    const std::vector<Failure> together = all_failures(all, trial);
    std::size_t sum = 0;
    for (std::size_t cause = 0; cause < failure_causes.size(); ++cause) {
      if (FailureCause(cause) == FailureCause::domain) continue;
      Case one = quiet_case();
      turn_on(one, FailureCause(cause),
              10 + static_cast<double>(FailureCause(cause) == FailureCause::node ? 1 : cause));
      const std::vector<Failure> alone = all_failures(one, trial);
      auto at = alone.begin();
      for (const Failure& failure : together) {
        if (failure.cause != FailureCause(cause)) continue;
        ASSERT_NE(at, alone.end());
        EXPECT_EQ(failure.time, at->time);
        EXPECT_EQ(failure.number, at->number);
        EXPECT_EQ(failure.nodes.first, at->nodes.first);
        EXPECT_EQ(failure.nodes.last, at->nodes.last);
        EXPECT_EQ(failure.duration, at->duration);
        EXPECT_EQ(failure.phase, at->phase);
        ++at;
      }
      EXPECT_EQ(at, alone.end());
      sum += alone.size();
    }
    EXPECT_EQ(sum, together.size());
    seen += sum;
  }
  EXPECT_GT(seen, 20 * 50);
}

TEST(Failures, AFlapDelaysByWhatIsLeftOfItWhileMessagesAreSent) {
  // Over all phases: a flap of d meets c of messages directly, and those that begin less than d
  // before them by what is left.
  constexpr double step = 10, sending = 2;
  for (double d : {0.5, 3.0, 30.0}) {
    constexpr int phases = 100000;
    double sum = 0;
    for (int i = 0; i < phases; ++i) sum += flap_delay((i + 0.5) / phases, d, step, sending);
    const double before = std::min(d, step - sending);  // phases before that still matter
    const double expected = (before * (d - before / 2) + sending * d) / step;
    EXPECT_NEAR(sum / phases, expected, 1e-4 * expected);
  }
  EXPECT_EQ(flap_delay(0.1, 6.9, step, sending), 0);
  EXPECT_EQ(flap_delay(0.5, 4, step, sending), 1);
  EXPECT_EQ(flap_delay(0.9, 4, step, sending), 4);
}

TEST(Failures, FlapsOnlyDelay) {
  constexpr double d = 3, sending = 2, step = 10;
  Case c = quiet_case();
  c.step_time = step;
  c.communication_time = sending;
  turn_on(c, FailureCause::link_flap, 50);
  c.reliability.rates.flap_duration = Distribution(d);
  Counts delays;
  for (std::uint32_t trial = 0; trial < 1000; ++trial) {
    const LongRun run = c.run(trial);
    EXPECT_EQ(run.interruptions, 0);
    EXPECT_EQ(total(run) - lost(run, LossCause::link_flap), lost(run, LossCause::lost_work));
    EXPECT_NEAR(total(run) + run.steps_done * step, day, 1e-6);
    delays.add(lost(run, LossCause::link_flap));
  }
  // Two that overlap delay once, of which there are 50 d / day in a thousand.
  const double expected = 50 * (d * d / 2 + sending * d) / step;
  EXPECT_LT(std::abs(delays.z(expected)), 5);
  EXPECT_GT(std::abs(delays.z(50 * sending * d / step)), 5);  // the control: those before forgotten
}

TEST(Failures, TimeIsConserved) {
  std::array<double, loss_causes.size()> most{};
  for (std::uint32_t trial = 0; trial < 60; ++trial) {
    SCOPED_TRACE(trial);
    Case c = quiet_case();
    for (std::size_t cause = 0; cause < failure_causes.size(); ++cause)
      turn_on(c, FailureCause(cause), 5);
    c.step_time = trial % 2 ? 0.3 : 7.7;
    c.job.replicas = 10;
    c.job.nodes_per_unit = trial % 4 ? 1 : 5;
    c.job.consecutive = trial % 8 == 0;
    c.reliability.shrinks = trial % 3 == 1;
    c.reliability.horizon = 20 * day;
    c.reliability.failure_shape = trial % 5 ? 1 : 0.6;
    c.reliability.spares = 20;
    c.reliability.detection_time = 61.7;
    c.reliability.restart_time = 611.1;
    c.reliability.checkpoint_write_time = 5.3;
    c.reliability.repair_time = Distribution::parse("lognormal(mean=2h, sigma=1)", Dimension::time);
    c.reliability.rates.domain_share = 0.2;
    c.reliability.rates.lemon_fraction = 0.1;
    c.reliability.rates.lemon_factor = 10;
    c.reliability.rates.flap_duration =
        Distribution::parse("exponential(mean=30s)", Dimension::time);
    const LongRun run = c.run(trial);
    EXPECT_NEAR((total(run) + run.steps_done * c.step_time) / (20 * day), 1, 1e-12);
    EXPECT_EQ(run.steps_done, std::floor(run.steps_done));
    for (std::size_t i = 0; i < most.size(); ++i) {
      EXPECT_GE(run.time_lost[i], 0);
      most[i] = std::max(most[i], run.time_lost[i]);
    }
  }
  for (std::size_t i = 0; i < most.size(); ++i)
    EXPECT_EQ(most[i] > 0, LossCause(i) != LossCause::slow_members) << loss_causes[i];
}

}  // namespace
}  // namespace lockstep
