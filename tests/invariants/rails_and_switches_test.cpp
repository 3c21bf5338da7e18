// Hierarchical rings and in-network reduction beyond what every kind owes: the flat ring as a
// special case, who has a rail, which uplinks are shared, published latency. And the static torus.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/invariants/topology_rows.hpp"
#include "topologies/algorithms/tree/switch_tree.hpp"
#include "topologies/wiring/rail_layout.hpp"

namespace lockstep::test {
namespace {

using testing::ElementsAre;

TEST(HierarchicalRing, WithOneRankADomainIsTheFlatRingBitForBit) {
  struct Scene {
    Settings settings;
    std::int64_t tensor, pipeline;
  };
  const std::vector<Scene> scenes{
      {{{"fleet.chips", "H100:61"}, {"chip.H100.scale_up_domain", "1"}}, 1, 1},
      {{{"fleet.chips", "H100:640"}, {"fabric.leaf_chips", "24"}}, 8, 2},
      {{{"fleet.chips", "H100:640"}, {"fabric.protocol", "LL"}}, 8, 1},
      {{{"fleet.chips", "H100:31"},
        {"chip.H100.scale_up_domain", "1"},
        {"fabric.hop_latency", "3us"},
        {"fabric.hop_bandwidth", "10GB/s"}},
       1,
       1},
  };
  const NoiseCase noise({{"noise.spike_probability", "0.01"},
                         {"noise.spike_delay", "exponential(mean=20us)"},
                         {"noise.hop_jitter", "exponential(mean=1us)"}},
                        23);
  const NoiseCase spikes(
      {{"noise.spike_probability", "0.01"}, {"noise.spike_delay", "exponential(mean=20us)"}}, 23);
  for (const Scene& scene : scenes)
    for (double bytes : {100.0, 1e5, 1e9}) {
      const TopologyCase flat(kind_named("ring"), scene.settings, scene.tensor, scene.pipeline,
                              bytes, no_settings);
      const TopologyCase railed(kind_named("hierarchical_ring"), scene.settings, scene.tensor,
                                scene.pipeline, bytes, no_settings);
      ASSERT_GT(flat.ranks(), 30);
      const auto links = flat.unequal_links(0.2, 5);
      const auto ready = flat.ready_times(1e-4, 9);
      for (const MessageNoise& messages : {MessageNoise{}, spikes.messages, noise.messages}) {
        EXPECT_EQ(flat.run(messages, {}, ready), railed.run(messages, {}, ready)) << flat.name;
        EXPECT_EQ(flat.run(messages, {links}, ready), railed.run(messages, {links}, ready))
            << flat.name;
      }
      // Two ranks a domain are another collective.
      Settings pairs = scene.settings;
      pairs.emplace_back("chip.H100.scale_up_domain",
                         fmt::format("{}", 2 * scene.tensor * scene.pipeline));
      const TopologyCase other(kind_named("hierarchical_ring"), pairs, scene.tensor, scene.pipeline,
                               bytes, no_settings);
      if (other.ranks() % 2 == 0) {
        EXPECT_NE(other.run(MessageNoise{}, {}, ready), flat.run(MessageNoise{}, {}, ready));
      }
    }
}

TEST(RailLayout, PlacesEveryRankOnceInDomainsOfItsOwn) {
  struct Named {
    std::string_view chips;
    std::int64_t tensor;
    std::int64_t rails;
  };
  bool folds = false;
  for (const Named& named : {Named{"H100:64", 1, 8},
                             {"H100:61", 1, 5},
                             {"H100:12", 1, 4},
                             {"H100:5", 1, 5},
                             {"H100:64, GB200:144", 1, 8},
                             {"H100:96, GB200:288", 4, 2},
                             {"GB200:211", 1, 68}}) {
    const TopologyCase c(kind_named("hierarchical_ring"),
                         {{"fleet.chips", std::string(named.chips)}}, named.tensor, 1, 1e6,
                         no_settings);
    for (std::int64_t group = 0; group < c.groups(); ++group) {
      const RailLayout grid = rail_layout(c.layout, group);
      EXPECT_EQ(grid.rails, named.rails) << named.chips;
      std::set<std::int32_t> seen;
      std::int64_t with = 0;
      for (std::size_t p = 0; p < grid.member.size(); ++p) {
        seen.insert(grid.member[p]);
        ++with;
        const auto cluster = p % static_cast<std::size_t>(grid.clusters);
        EXPECT_TRUE(c.same_domain(group, grid.member[p], grid.member[cluster]));
        if (grid.folded[p] < 0) continue;
        seen.insert(grid.folded[p]);
        ++with;
        folds = true;
        EXPECT_TRUE(c.same_domain(group, grid.folded[p], grid.member[p]));
      }
      EXPECT_EQ(grid.folds, with > grid.places());
      EXPECT_EQ(with, c.ranks()) << named.chips;
      EXPECT_EQ(static_cast<std::int64_t>(seen.size()), c.ranks()) << named.chips;
    }
  }
  EXPECT_TRUE(folds);
}

/// Two domains of 4 H100: ring inside over NVLink, four rails over the NICs.
TEST(HierarchicalRing, InNumbers) {
  const TopologyCase c(kind_named("hierarchical_ring"),
                       {{"fleet.chips", "H100:8"},
                        {"chip.H100.scale_up_domain", "4"},
                        {"fabric.scale_up_efficiency", "1"},
                        {"fabric.network_efficiency", "1"},
                        {"fabric.protocol", "LL"}},
                       1, 1, 8e6, no_settings);
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  // LL on two nodes: 39 GB/s for all rails and for the ring inside, below half of the links; a hop
  // inside takes the post of a message.
  const double inside = 1e-6 + 2e6 / 39e9, rail = 2.7e-6 + 1e6 / (39e9 / 4);
  const double time = 6.6e-6 + 2 * 3 * inside + 2 * rail;
  for (double f : finish) EXPECT_NEAR(f, time, 1e-12 * time);
}

/// 13 groups of one chip a replica, leaves of 26 chips: each leaf's 26 / 8 ports carry 13 groups.
TEST(SwitchReduce, SharesUplinksAmongAllGroupsThatCrossThem) {
  for (const char* chips : {"H100:208", "H100:416"}) {
    const TopologyCase c(kind_named("switch_reduce"),
                         {{"fleet.chips", chips},
                          {"fabric.leaf_chips", "26"},
                          {"fabric.spine_oversubscription", "8"},
                          {"topology.chunks", "1"}},
                         13, 1, 1e7, no_settings);
    std::map<double, double> load;  // leaf -> [B/s] on its way up
    for (std::int64_t group = 0; group < c.groups(); ++group) {
      const SwitchTree switches = switch_tree(c.request(), group);
      for (const Message& m : c.collective->graph(group, {}).messages)
        if (m.source >= c.ranks() && m.destination > m.source)
          load[static_cast<double>(switches.uplink[static_cast<std::size_t>(m.source)])] +=
              m.bytes / m.serialization;
    }
    const double capacity = 26.0 / 8 * c.chip(0, 0).injection_bandwidth;
    ASSERT_EQ(load.size(), static_cast<std::size_t>(c.layout.chips() / 26));
    for (const auto& [leaf, rate] : load) EXPECT_NEAR(rate / capacity, 0.95, 1e-9) << leaf;
  }
}

TEST(SwitchReduce, SpansLeavesPodsAndTheCoreAsItMust) {
  struct Span {
    std::int64_t ranks, vertices;
    std::int32_t depth;
  };
  // Leaves of 16, pods of 64.
  for (const Span& span : {Span{1, 1, 0},
                           {2, 3, 1},
                           {16, 17, 1},
                           {17, 20, 2},
                           {64, 69, 2},
                           {65, 65 + 5 + 2 + 1, 3},
                           {200, 200 + 13 + 4 + 1, 3}}) {
    const TopologyCase c(
        kind_named("switch_reduce"),
        {{"fleet.chips", fmt::format("H100:{}", span.ranks)}, {"fabric.pod_chips", "64"}}, 1, 1,
        1e6, no_settings);
    const SwitchTree switches = switch_tree(c.request(), 0);
    EXPECT_EQ(switches.vertices(), span.vertices) << span.ranks;
    EXPECT_EQ(switches.tree.depth, span.depth) << span.ranks;
  }
}

/// Graham et al. (COMHPC 2016): 8 bytes over 128 hosts in 2.83 us, two tiers, without our start-up.
TEST(SwitchReduce, LatencyAsPublished) {
  const TopologyCase c(kind_named("switch_reduce"), {{"fleet.chips", "H100:128"}}, 1, 1, 8,
                       no_settings);
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  const double start_up = c.collective->graph(0, {}).start_latency;
  EXPECT_NEAR(finish[0] - start_up, 2.83e-6, 0.05e-6);
  EXPECT_GT(start_up, 0);
}

TEST(TorusShape, OfSingleChipsLeavesFewerIdle) {
  EXPECT_THAT(torus_shape("auto", 1000, 1, 1).chips, ElementsAre(10, 10, 10));
  EXPECT_THAT(torus_shape("auto", 1000, 1).chips, ElementsAre(8, 8, 12));
  EXPECT_THAT(torus_shape("auto", 65536, 1, 1).groups(), ElementsAre(32, 32, 64));
  std::int64_t cases = 0;
  for (std::int64_t model_parallel : {1, 8, 128, 1024})
    for (std::int64_t chips = 1024; chips < 300000; chips = chips * 7 / 4 + 1) {
      const TorusShape single = torus_shape("auto", chips, model_parallel, 1);
      EXPECT_GE(single.volume(), torus_shape("auto", chips, model_parallel).volume()) << chips;
      if (model_parallel == 1) {
        EXPECT_GE(static_cast<double>(single.volume()), 0.99 * static_cast<double>(chips)) << chips;
      }
      EXPECT_EQ(torus_shape("auto", single.volume(), model_parallel, 1).chips, single.chips);
      ++cases;
    }
  EXPECT_GT(cases, 20);
}

}  // namespace
}  // namespace lockstep::test
