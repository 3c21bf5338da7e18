#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "engine/training/trial/trial_chips.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::make_point;
using test::quiet;
using test::run_one;

using Entity = std::pair<std::uint32_t, std::uint32_t>;

/// What a trial draws for each chip in the job.
struct Drawn {
  std::map<Entity, double> slowdown;     ///< of compute, against nominal
  std::map<Entity, double> link_factor;  ///< of the first link
};

Drawn draw(std::string_view lines, std::uint32_t trial) {
  const auto point = make_point(lines);
  const TrialChips chips = draw_chips(*point, trial);
  Drawn drawn;
  for (std::size_t i = 0; i < chips.compute.size(); ++i) {
    const Entity who{point->layout().entity_high[i], point->layout().entity_low[i]};
    drawn.slowdown[who] = chips.compute[i] / point->work().chip_time[i];
    drawn.link_factor[who] = chips.link_factor.empty() ? 1 : chips.link_factor[i];
  }
  return drawn;
}

/// Chips in both whose values differ by more than rounding, and how many are in both.
std::pair<int, int> differing(const std::map<Entity, double>& a,
                              const std::map<Entity, double>& b) {
  int differ = 0, common = 0;
  for (const auto& [who, value] : a) {
    const auto other = b.find(who);
    if (other == b.end()) continue;
    ++common;
    differ += std::fabs(value - other->second) > 1e-12 * value;
  }
  return {differ, common};
}

int above_one(const std::map<Entity, double>& values) {
  return static_cast<int>(
      std::count_if(values.begin(), values.end(), [](const auto& v) { return v.second > 1.0001; }));
}

const std::string slow = join(quiet, R"(
  fleet.chips=H100:512, GB200:512
  job.tokens_per_chip=65536
  noise.straggler_fraction=0.05
  noise.straggler_slowdown=lognormal(median=1.3, sigma=0.1)
  noise.slow_link_fraction=0.1
  noise.slow_link_factor=uniform(low=1.5, high=3))");

TEST(Pairing, TheSameChipsAreSlowWhateverTheDesignPoint) {
  const char* points[] = {"topology.kind=ring",
                          "topology.kind=tree",
                          "topology.kind=ocs_torus",
                          "fleet.placement=interleaved",
                          "fleet.placement=random\ntopology.kind=ring",
                          "job.tensor=4\njob.pipeline=2\ntopology.kind=ring",
                          "fleet.chips=GB200:1024, B200:64, H100:512\njob.tensor=8",
                          "job.tokens_per_chip=131072\nnoise.step_jitter=0.1"};
  for (std::uint32_t trial : {0u, 7u}) {
    const Drawn reference = draw(slow, trial);
    // 1,024 draws of 0.05 and of 0.1: within five standard deviations, and not nothing.
    EXPECT_NEAR(above_one(reference.slowdown), 51, 35);
    EXPECT_NEAR(above_one(reference.link_factor), 102, 48);
    for (const char* point : points) {
      SCOPED_TRACE(point);
      const Drawn other = draw(join(slow, point), trial);
      const auto [slowdowns, chips] = differing(reference.slowdown, other.slowdown);
      const auto [links, same_chips] = differing(reference.link_factor, other.link_factor);
      EXPECT_EQ(slowdowns, 0);
      EXPECT_EQ(links, 0);
      EXPECT_GE(chips, 1000);
      EXPECT_EQ(chips, same_chips);
    }
  }
  // Trials differ.
  EXPECT_GT(differing(draw(slow, 0).slowdown, draw(slow, 7).slowdown).first, 50);
}

// A chip's later holders are the same whether they come alone or with others.
TEST(Pairing, OneReplacedChipIsThatOfManyReplaced) {
  const auto point = make_point(join(slow, "fleet.chip_spread=0.05\nnoise.straggler_fraction=0.3"));
  std::vector<std::int32_t> positions;
  for (std::int32_t i = 0; i < point->layout().chips(); i += 3) positions.push_back(i);
  const TrialChips first = draw_chips(*point, 2);
  TrialChips together = first, alone = first;
  replace_chips(*point, 2, positions, 1, nullptr, together);
  for (std::int32_t position : positions)
    replace_chips(*point, 2, {&position, 1}, 1, nullptr, alone);
  EXPECT_EQ(together.compute, alone.compute);
  EXPECT_EQ(together.link_factor, alone.link_factor);
  int stragglers = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto at = static_cast<std::size_t>(positions[i]);
    EXPECT_NE(together.compute[at], first.compute[at]);
    stragglers += together.compute[at] > 1.2 * point->work().chip_time[at];
  }
  // 342 holders of whom 0.3 are slow, nearly all by more than 1.2 on top of the spread's 5 %.
  EXPECT_NEAR(stragglers, 80, 45);
}

TEST(Pairing, ALargerFractionKeepsTheEarlierStragglers) {
  const Drawn few = draw(slow, 0);
  const Drawn more =
      draw(join(slow, "noise.straggler_fraction=0.2\nnoise.slow_link_fraction=0.4"), 0);
  EXPECT_GT(above_one(more.slowdown), 2 * above_one(few.slowdown));
  EXPECT_GT(above_one(more.link_factor), 2 * above_one(few.link_factor));
  int kept = 0;
  for (const auto& [who, value] : few.slowdown)
    if (value > 1) kept += std::fabs(more.slowdown.at(who) - value) < 1e-12 * value;
  EXPECT_EQ(kept, above_one(few.slowdown));
  for (const auto& [who, value] : few.link_factor)
    if (value > 1) {
      EXPECT_EQ(more.link_factor.at(who), value);
    }
}

TEST(Pairing, SwitchesDoNotDisturbEachOther) {
  const Drawn both = draw(join(slow, "fleet.chip_spread=0.03"), 0);
  const Drawn spread = draw(join(slow, "fleet.chip_spread=0.03\nnoise.straggler_fraction=0"), 0);
  const Drawn stragglers = draw(slow, 0);
  for (const auto& [who, value] : both.slowdown)
    EXPECT_NEAR(value, spread.slowdown.at(who) * stragglers.slowdown.at(who), 1e-12 * value);
}

// ---- each cause of loss is one switch

struct NoiseSwitch {
  const char* name;
  const char* on;
  bool varies;  ///< from step to step
};

class Switch : public testing::TestWithParam<NoiseSwitch> {};

const std::string still = join(quiet, R"(
  fleet.chips=H100:64
  topology.kind=ring
  job.tensor=2
  job.overlap=0
  job.gradient_bytes=8GB)");

TEST(Switches, AllOffIsStill) {
  for (const char* kind : {"topology.kind=ring", "topology.kind=tree", "topology.kind=ocs_torus"}) {
    SCOPED_TRACE(kind);
    const TrialResult one = run_one(join(still, kind)), other = run_one(join(still, kind), 2, 9);
    for (double time : one.step_time) EXPECT_EQ(time, one.step_time[0]);
    EXPECT_EQ(one.step_time, other.step_time);
    EXPECT_NEAR(one.wait_fraction, 0, 1e-12);
    EXPECT_NEAR(one.wait_fraction_by_generation[0], 0, 1e-12);
  }
}

TEST_P(Switch, AloneActsAndIsWaitedFor) {
  const TrialResult off = run_one(still);
  const TrialResult on = run_one(join(still, GetParam().on));
  const TrialResult next = run_one(join(still, GetParam().on), 1, 1);
  const auto [least, most] = std::minmax_element(on.step_time.begin(), on.step_time.end());
  EXPECT_GT(*least, off.step_time[0] * (1 + 1e-9));
  EXPECT_GT(on.wait_fraction, 1e-9);
  if (GetParam().varies) {
    EXPECT_GT(*most, *least * (1 + 1e-9));
  } else {
    EXPECT_EQ(*most, *least);
  }
  EXPECT_NE(on.step_time, next.step_time) << "trials are alike";
}

INSTANTIATE_TEST_SUITE_P(
    Each, Switch,
    testing::Values(NoiseSwitch{"chip_spread", "fleet.chip_spread=0.01", false},
                    NoiseSwitch{"step_jitter", "noise.step_jitter=0.01", true},
                    NoiseSwitch{"operation_jitter", "noise.operation_jitter=0.02", true},
                    NoiseSwitch{"imbalance", "noise.imbalance=0.1", true},
                    NoiseSwitch{"hop_jitter", "noise.hop_jitter=exponential(mean=1ms)", true},
                    NoiseSwitch{"spike", "noise.spike_probability=0.05", true},
                    NoiseSwitch{"straggler",
                                "noise.straggler_fraction=0.1\n"
                                "noise.straggler_slowdown=uniform(low=1.1, high=2)",
                                false},
                    NoiseSwitch{"slow_link",
                                "noise.slow_link_fraction=0.1\n"
                                "noise.slow_link_factor=uniform(low=2, high=5)",
                                false}),
    [](const auto& instance) { return instance.param.name; });

TEST(Switches, AFactorBelowOneCountsAsOne) {
  EXPECT_EQ(
      run_one(join(still, "noise.straggler_fraction=1\nnoise.straggler_slowdown=0.5")).step_time,
      run_one(still).step_time);
}

// ---- workers

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

TEST(Workers, DoNotChangeABit) {
  for (const TopologyKind* kind : topology_kinds())
    for (const char* clipping : {"on", "off"}) {
      SCOPED_TRACE(fmt::format("{} clipping {}", kind->name, clipping));
      const auto point = make_point(fmt::format(R"(
        topology.kind={}
        job.gradient_clipping={}
        fleet.chips=H100:192, GB200:144
        fleet.placement=interleaved
        job.tensor=2
        job.pipeline=4
        job.tokens_per_chip=4096
        noise.imbalance=0.1
        noise.hop_jitter=exponential(mean=10us)
        noise.spike_probability=0.001
        noise.straggler_fraction=0.02
        noise.slow_link_fraction=0.02
        sampling.steps=6)",
                                                kind->name, clipping));
      const TrialResult one = train(*point, 5, 1).result;
      for (int workers : {2, 3, 7}) {
        const TrialResult many = train(*point, 5, workers).result;
        EXPECT_TRUE(same_bits(one.step_time, many.step_time));
        EXPECT_TRUE(same_bits(one.compute_time, many.compute_time));
        EXPECT_TRUE(same_bits(one.communication_time, many.communication_time));
        EXPECT_TRUE(same_bits({one.mfu, one.mfu_used, one.wait_fraction},
                              {many.mfu, many.mfu_used, many.wait_fraction}));
        EXPECT_TRUE(same_bits(one.wait_fraction_by_generation, many.wait_fraction_by_generation));
      }
      EXPECT_FALSE(same_bits(one.step_time, train(*point, 6, 1).result.step_time));
      EXPECT_GT(one.step_time[0], 0);
    }
}

}  // namespace
}  // namespace lockstep
