// The kernels against the plain evaluation of the message graph, for every topology.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/invariants/topology_rows.hpp"
#include "topologies/algorithms/graph_collective.hpp"

namespace lockstep::test {
namespace {

constexpr double tolerance = 1e-12;  // relative; the sums associate differently, a few ulp each

/// A way to make links, noise and ready times unequal.
struct Condition {
  double slow_links, ready_spread;
  Settings noise;
  std::vector<double> tiers = {};  ///< congestion
};

const std::vector<Condition>& conditions() {
  const Settings spikes{{"noise.spike_probability", "0.02"},
                        {"noise.spike_delay", "exponential(mean=20us)"}};
  const Settings many_spikes{{"noise.spike_probability", "0.3"},
                             {"noise.spike_delay", "exponential(mean=3us)"}};
  const Settings jitter{{"noise.hop_jitter", "exponential(mean=1us)"}};
  const Settings both{{"noise.spike_probability", "0.1"},
                      {"noise.spike_delay", "lognormal(median=10us, sigma=1)"},
                      {"noise.hop_jitter", "lognormal(median=500ns, sigma=0.5)"}};
  static const std::vector<Condition> all{
      {0, 0, {}},
      {0, 0, spikes},
      {0, 3e-5, many_spikes, {1, 1, 2, 4}},
      {0.3, 0, {}},
      {0.3, 3e-5, spikes},
      {0, 3e-5, jitter},
      {0.5, 1e-3, both, {1, 1.5, 3, 2}},
      {0.3, 0, many_spikes},
  };
  return all;
}

/// Finish times of one group by its message graph [s].
std::vector<double> evaluate(const TopologyCase& c, std::int64_t group, const MessageNoise& noise,
                             const LinkState& links, const std::vector<double>& ready) {
  const auto delays = message_delays(noise, group, c.collective->messages_per_group());
  const std::span<const double> row(ready.data() + group * c.ranks(),
                                    static_cast<std::size_t>(c.ranks()));
  return c.collective->graph(group, links).evaluate(row, [&](std::int64_t number) {
    return delays.at(static_cast<std::size_t>(number));
  });
}

double worst_difference(const std::vector<double>& a, const double* b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i]) / std::max(std::abs(a[i]), 1e-30));
  return worst;
}

/// Compares all groups; returns the number of finish times compared.
std::int64_t compare(const TopologyCase& c, const Condition& condition, std::uint64_t seed) {
  const NoiseCase noise(condition.noise, seed);
  const std::vector<double> factors = condition.slow_links > 0
                                          ? c.unequal_links(condition.slow_links, seed)
                                          : std::vector<double>{};
  const LinkState links{factors, condition.tiers};
  const std::vector<double> ready = c.ready_times(condition.ready_spread, seed);
  const std::vector<double> finish = c.run(noise.messages, links, ready);
  for (std::int64_t group = 0; group < c.groups(); ++group) {
    const auto expected = evaluate(c, group, noise.messages, links, ready);
    EXPECT_LE(worst_difference(expected, finish.data() + group * c.ranks()), tolerance)
        << c.name << ", group " << group << ", slow links " << condition.slow_links << ", ready "
        << condition.ready_spread << ", seed " << seed;
  }

  // The plain trial, which kinds without kernels run on, meets the same noise. It builds the graphs
  // anew, which takes most of the time: one case of five does, in turn over the conditions.
  if (seed % 5 == 0) {
    std::vector<double> plain(finish.size(), -1.0);
    make_graph_trial(*c.collective, links)
        ->run(noise.messages, 0, c.groups(), ready.data(), plain.data(), 1);
    EXPECT_LE(worst_difference(plain, finish.data()), tolerance) << c.name;
  }

  // Any split at multiples of groups_per_call gives the same bits, in any order of calls.
  const std::int64_t step = c.collective->groups_per_call();
  const auto trial = c.collective->begin_trial(links);
  std::vector<double> split(finish.size(), -1.0);
  for (std::int64_t last = c.groups(); last > 0;) {
    const std::int64_t first = (last - 1) / step * step;
    trial->run(noise.messages, first, last, ready.data(), split.data(), 1);
    last = first;
  }
  EXPECT_EQ(split, finish) << c.name;
  if (c.collective->most_alone() > 0) {
    std::fill(split.begin(), split.end(), -1.0);
    for (std::int64_t group = c.groups(); group-- > 0;)
      trial->run(noise.messages, group, group + 1, ready.data(), split.data(), 1);
    EXPECT_EQ(split, finish) << c.name << ", groups alone";
  }
  return static_cast<std::int64_t>(finish.size());
}

const std::vector<Settings>& fabrics() {
  static const std::vector<Settings> all{
      {{"fabric.hop_latency", "3us"}, {"fabric.hop_bandwidth", "10GB/s"}},
      {{"fabric.protocol", "auto"}},
      {{"fabric.protocol", "LL"}, {"fabric.leaf_chips", "4"}, {"fabric.pod_chips", "12"}},
      {{"fabric.protocol", "LL128"},
       {"fabric.spine_oversubscription", "3"},
       {"fabric.leaf_chips", "2"},
       {"fabric.leaf", "rail"}},
      {{"fabric.protocol", "Simple"},
       {"fabric.leaf_chips", "8"},
       {"fabric.pod_chips", "24"},
       {"fabric.spine_oversubscription", "4"}},
  };
  return all;
}

Settings joined(Settings first, const Settings& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(KernelEqualsGraph, EveryKindGroupsRanksFabricsAndConditions) {
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    std::int64_t compared = 0;
    std::size_t turn = 0;
    for (std::int64_t groups : {1, 3, 8, 13})
      for (std::int64_t ranks : {1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 27})
        for (const Settings& fabric : fabrics())
          for (std::size_t v = 0; v <= row->variants.size(); ++v) {
            // The kind's defaults and each variant meet the conditions in turn.
            const Settings settings =
                joined(joined(fabric, {{"fleet.chips", fmt::format("H100:{}", groups * ranks)}}),
                       v == 0 ? Settings{} : row->variants[v - 1].settings);
            const TopologyCase c(*kind, settings, groups, 1, 300000, row->settings);
            ASSERT_EQ(c.ranks(), ranks) << c.name;
            ASSERT_EQ(c.groups(), groups) << c.name;
            for (int times = 0; times < 2; ++times, ++turn)
              compared += compare(c, conditions()[turn % conditions().size()], 100 + turn);
          }
    EXPECT_GT(compared, 10000) << kind->name;
  }
}

TEST(KernelEqualsGraph, DomainsThatFallDifferentlyInEveryGroup) {
  struct Named {
    std::string_view chips;
    std::int64_t tensor, pipeline;
    std::string_view placement;
  };
  const std::vector<Named> layouts{
      {"GB200:576", 8, 8, "blocked"},  // domains of 72, groups of 64
      {"GB200:720", 8, 3, "blocked"},  // domains of three groups
      {"H100:29", 1, 1, "blocked"},    // chains and channels, the last one short
      {"H100:48", 1, 1, "blocked"},
      {"H100:52, GB200:152", 4, 1, "interleaved"},  // domains of both generations in turn
      {"H100:96, GB200:288", 4, 8, "interleaved"},
      {"H100:96, H200:96, GB200:72", 4, 3, "random"},
  };
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    std::int64_t compared = 0;
    for (const Named& named : layouts)
      for (std::size_t i = 0; i < conditions().size(); ++i) {
        Settings settings = fabrics()[i % fabrics().size()];
        settings.emplace_back("fleet.chips", named.chips);
        settings.emplace_back("fleet.placement", named.placement);
        const TopologyCase c(*kind, settings, named.tensor, named.pipeline, 1e6, row->settings);
        compared += compare(c, conditions()[i], 900 + i);
      }
    EXPECT_GT(compared, 1000) << kind->name;
  }
}

/// What is no all-reduce, by the kind itself or by what stands in for it.
TEST(KernelEqualsGraph, EveryOperationOfEveryKind) {
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    for (Operation operation : kind->operations) {
      if (operation == Operation::all_reduce) continue;  // above
      std::int64_t compared = 0;
      std::size_t turn = 0;
      for (const auto& [groups, ranks] : std::vector<std::pair<std::int64_t, std::int64_t>>{
               {1, 1}, {1, 2}, {3, 2}, {8, 3}, {1, 7}, {3, 8}, {2, 13}, {8, 16}, {1, 27}, {5, 30}})
        for (const Settings& fabric : fabrics())
          for (std::size_t v = 0; v <= row->variants.size(); ++v, ++turn) {
            const Settings settings =
                joined(joined(fabric, {{"fleet.chips", fmt::format("H100:{}", groups * ranks)}}),
                       v == 0 ? Settings{} : row->variants[v - 1].settings);
            const TopologyCase c(*kind, settings, groups, 1, 300000, row->settings, operation);
            compared += compare(c, conditions()[turn % conditions().size()], 500 + turn);
          }
      for (const char* chips : {"H100:52, GB200:152", "GB200:576"}) {
        const TopologyCase c(*kind, {{"fleet.chips", chips}, {"fleet.placement", "interleaved"}}, 4,
                             1, 1e6, row->settings, operation);
        for (std::size_t i = 0; i < conditions().size(); ++i)
          compared += compare(c, conditions()[i], 700 + i);
      }
      EXPECT_GT(compared, 2000) << kind->name << " " << name_of(operation);
    }
  }
}

/// The comparison above must notice 1 % of one link or of one spike: of some link and some spike,
/// for not every one is on the heaviest path.
TEST(KernelEqualsGraph, NoticesOnePercentOfOneLinkOrSpike) {
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    for (const Settings& fabric : {fabrics()[0], fabrics()[4]}) {
      const TopologyCase c(*kind, joined(fabric, {{"fleet.chips", "H100:24"}}), 3, 1, 30000,
                           row->settings);
      const std::vector<double> ready = c.ready_times(0, 1);

      double link_noticed = 0;
      const MessageNoise quiet;
      const std::vector<double> equal(c.unequal_links(0, 1));
      for (std::size_t link = 0; link < equal.size(); ++link) {
        std::vector<double> links = equal;
        links[link] = 5;
        const std::vector<double> finish = c.run(quiet, {links}, ready);
        ASSERT_LE(worst_difference(evaluate(c, 0, quiet, {links}, ready), finish.data()),
                  tolerance);
        links[link] = 5.05;
        link_noticed = std::max(
            link_noticed, worst_difference(evaluate(c, 0, quiet, {links}, ready), finish.data()));
      }
      EXPECT_GT(link_noticed, 1e6 * tolerance) << c.name;

      const auto messages = static_cast<double>(c.collective->messages_per_group());
      const double share = std::min(1.0, std::max(0.05, 20 / messages));  // some, of few messages
      const NoiseCase noise(
          {{"noise.spike_probability", fmt::format("{}", share)}, {"noise.spike_delay", "1ms"}},
          11);
      const auto delays = message_delays(noise.messages, 0, c.collective->messages_per_group());
      const std::vector<double> finish = c.run(noise.messages, {equal}, ready);
      const MessageGraph graph = c.collective->graph(0, {equal});
      const std::span<const double> first(ready.data(), static_cast<std::size_t>(c.ranks()));
      double spike_noticed = 0;
      for (std::size_t spike = 0; spike < delays.size(); ++spike) {
        if (delays[spike] == 0) continue;
        auto changed = delays;
        changed[spike] *= 1.01;
        const auto wrong = graph.evaluate(
            first, [&](std::int64_t n) { return changed[static_cast<std::size_t>(n)]; });
        spike_noticed = std::max(spike_noticed, worst_difference(wrong, finish.data()));
      }
      EXPECT_GT(spike_noticed, 1e6 * tolerance) << c.name;
    }
  }
}

}  // namespace
}  // namespace lockstep::test
