// Trees follow only the chunks at which a spike hits, and the ends: against all chunks, as the
// message graph evaluates them.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/invariants/topology_case.hpp"
#include "topologies/table.hpp"

namespace lockstep::test {
namespace {

constexpr double tolerance = 1e-12;  // relative
constexpr std::int64_t chunks = 64;
constexpr std::int64_t groups = 11;  // one run of lanes and part of another, where channels are 1

std::vector<const TopologyKind*> pipelined_kinds() {
  std::vector<const TopologyKind*> kinds;
  for (const TopologyKind* kind : topology_kinds())
    for (const Parameter& row : kind->parameters)
      if (row.key == "topology.chunks") kinds.push_back(kind);
  return kinds;
}

const std::vector<Settings>& fabrics() {
  static const std::vector<Settings> all{
      {{"fabric.hop_latency", "3us"}, {"fabric.hop_bandwidth", "10GB/s"}},
      {{"fabric.leaf_chips", "8"}, {"fabric.pod_chips", "64"}, {"fabric.protocol", "Simple"}},
      {{"chip.H100.scale_up_domain", "44"}, {"chip.H100.node", "4"}, {"fabric.protocol", "LL"}},
  };
  return all;
}

std::unique_ptr<TopologyCase> case_of(const TopologyKind& kind, Settings settings) {
  settings.emplace_back("fleet.chips", fmt::format("H100:{}", 13 * groups));
  settings.emplace_back("topology.chunks", fmt::format("{}", chunks));
  return std::make_unique<TopologyCase>(kind, settings, groups, 1, 3e7,
                                        [](std::int64_t, std::int64_t) { return Settings{}; });
}

/// About `spikes` a group.
NoiseCase spiky(const TopologyCase& c, double spikes, std::uint64_t seed) {
  const double messages = static_cast<double>(c.collective->messages_per_group());
  return {{{"noise.spike_probability", fmt::format("{:.17g}", spikes / messages)},
           {"noise.spike_delay", "exponential(mean=100us)"}},
          seed};
}

std::int64_t spikes_of(const TopologyCase& c, const MessageNoise& noise, std::int64_t group) {
  std::int64_t count = 0;
  for (SpikeSequence s(noise, group, c.collective->messages_per_group()); !s.done(); s.next())
    ++count;
  return count;
}

/// Largest relative difference of a group's finish times from the graph's, whose spikes are hit
/// `late` messages later.
double difference(const TopologyCase& c, std::int64_t group, const MessageNoise& noise,
                  const LinkState& links, const std::vector<double>& ready,
                  const std::vector<double>& finish, std::size_t late = 0) {
  auto delays = message_delays(noise, group, c.collective->messages_per_group());
  delays.insert(delays.begin(), late, 0.0);
  const auto first = static_cast<std::size_t>(group * c.ranks());
  const auto expected =
      c.collective->graph(group, links)
          .evaluate(std::span(ready).subspan(first, static_cast<std::size_t>(c.ranks())),
                    [&](std::int64_t number) { return delays[static_cast<std::size_t>(number)]; });
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    worst = std::max(worst, std::abs(finish[first + i] / expected[i] - 1));
  return worst;
}

TEST(TreeStops, EqualAllChunksOverUnequalLinksAndLanes) {
  ASSERT_GE(pipelined_kinds().size(), 2u);
  for (const TopologyKind* kind : pipelined_kinds())
    for (const Settings& fabric : fabrics()) {
      const auto c = case_of(*kind, fabric);
      ASSERT_EQ(c->groups(), groups);
      std::int64_t without = 0, with = 0, beyond_one_pass = 0;
      std::uint64_t seed = 40;
      for (double spikes : {0.7, 3.0, 3.0, 100.0})
        for (double slow_links : {0.0, 0.3}) {
          const NoiseCase noise = spiky(*c, spikes, ++seed);
          const auto factors = c->unequal_links(slow_links, seed);
          const LinkState links{factors};
          const auto ready = c->ready_times(slow_links == 0 ? 0 : 2e-4, seed);
          const auto finish = c->run(noise.messages, links, ready);
          for (std::int64_t g = 0; g < groups; ++g) {
            EXPECT_LE(difference(*c, g, noise.messages, links, ready, finish), tolerance)
                << c->name << ", group " << g << ", seed " << seed;
            const std::int64_t hits = spikes_of(*c, noise.messages, g);
            ++(hits == 0 ? without : with);
            beyond_one_pass += hits > 64;
          }
        }
      EXPECT_GT(without, 5) << c->name;
      EXPECT_GT(with, 30) << c->name;
      EXPECT_GT(beyond_one_pass, 5) << c->name;
    }
}

TEST(TreeStops, EqualAllChunksWithJitterToo) {
  for (const TopologyKind* kind : pipelined_kinds()) {
    const auto c = case_of(*kind, fabrics()[1]);
    const NoiseCase noise({{"noise.hop_jitter", "exponential(mean=1us)"},
                           {"noise.spike_probability", "1e-3"},
                           {"noise.spike_delay", "exponential(mean=100us)"}},
                          71);
    const auto factors = c->unequal_links(0.3, 71);
    const auto ready = c->ready_times(1e-4, 71);
    const auto finish = c->run(noise.messages, {factors}, ready);
    for (std::int64_t g = 0; g < groups; ++g)
      EXPECT_LE(difference(*c, g, noise.messages, {factors}, ready, finish), tolerance) << c->name;
  }
}

/// The comparison must notice a spike that hits one chunk late, or the rank beside.
TEST(TreeStops, ComparisonNoticesASpikeOneChunkOff) {
  for (const TopologyKind* kind : pipelined_kinds()) {
    const auto c = case_of(*kind, fabrics()[0]);
    const auto row = static_cast<std::size_t>(c->collective->messages_per_group() / (2 * chunks)) /
                     (kind->name == "switch_reduce" ? 1 : 2);
    const auto factors = c->unequal_links(0.3, 5);
    const auto ready = c->ready_times(0, 5);
    const NoiseCase noise = spiky(*c, 3, 5);
    const auto finish = c->run(noise.messages, {factors}, ready);
    for (std::size_t late : {row, std::size_t{1}}) {
      double noticed = 0;
      for (std::int64_t g = 0; g < groups; ++g)
        noticed =
            std::max(noticed, difference(*c, g, noise.messages, {factors}, ready, finish, late));
      EXPECT_GT(noticed, 1e6 * tolerance) << c->name << ", " << late;
    }
  }
}

/// Lanes stop where they must themselves: a group without spikes has the bits of a quiet step.
TEST(TreeStops, SpikesLeaveTheBitsOfOtherGroupsAlone) {
  for (const TopologyKind* kind : pipelined_kinds())
    for (const Settings& fabric : fabrics()) {
      const auto c = case_of(*kind, fabric);
      const auto factors = c->unequal_links(0.3, 9);
      const auto ready = c->ready_times(1e-4, 9);
      const NoiseCase noise = spiky(*c, 2, 9);
      const auto noisy = c->run(noise.messages, {factors}, ready);
      const auto quiet = c->run(MessageNoise{}, {factors}, ready);
      std::int64_t same = 0, other = 0;
      for (std::int64_t g = 0; g < groups; ++g) {
        const bool equal =
            std::equal(noisy.begin() + g * c->ranks(), noisy.begin() + (g + 1) * c->ranks(),
                       quiet.begin() + g * c->ranks());
        if (spikes_of(*c, noise.messages, g) == 0) {
          EXPECT_TRUE(equal) << c->name << ", group " << g;
          ++same;
        } else {
          other += !equal;
        }
      }
      EXPECT_GT(same, 0) << c->name;
      EXPECT_GT(other, 0) << c->name;
    }
}

}  // namespace
}  // namespace lockstep::test
