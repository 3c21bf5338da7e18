// Hierarchical rings and in-network reduction beyond what every kind owes: the flat ring as a
// special case, who has a rail, which uplinks are shared, published latency. And the static torus.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/machine/leaf_switches.hpp"
#include "tests/invariants/topology_rows.hpp"
#include "tests/invariants/torus_shapes.hpp"
#include "topologies/algorithms/in_network/switch_forest.hpp"
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
                        {"chip.H100.node", "4"},
                        {"fabric.scale_up_efficiency", "1"},
                        {"fabric.network_efficiency", "1"},
                        {"fabric.protocol", "LL"},
                        {"topology.chunks", "1"}},
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
                          {"fabric.network_efficiency", "1"},
                          {"topology.chunks", "1"}},
                         13, 1, 1e7, no_settings);
    std::map<double, double> load;  // leaf -> [B/s] on its way up
    for (std::int64_t group = 0; group < c.groups(); ++group) {
      const SwitchForest switches = switch_forest(c.request(), leaf_switches(c.layout, c.fabric),
                                                  group, rail_layout(c.layout, group));
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
  // Leaves of 16, pods of 64; one rank a domain.
  for (const Span& span : {Span{1, 1, 0},
                           {2, 3, 1},
                           {16, 17, 1},
                           {17, 20, 2},
                           {64, 69, 2},
                           {65, 65 + 5 + 2 + 1, 3},
                           {200, 200 + 13 + 4 + 1, 3}}) {
    const TopologyCase c(kind_named("switch_reduce"),
                         {{"fleet.chips", fmt::format("H100:{}", span.ranks)},
                          {"chip.H100.scale_up_domain", "1"},
                          {"fabric.pod_chips", "64"}},
                         1, 1, 1e6, no_settings);
    const SwitchForest switches =
        switch_forest(c.request(), leaf_switches(c.layout, c.fabric), 0, rail_layout(c.layout, 0));
    EXPECT_EQ(switches.vertices(), span.vertices) << span.ranks;
    EXPECT_EQ(switches.depth(), span.depth) << span.ranks;
  }
}

/// Graham et al. (COMHPC 2016): 8 bytes over 128 hosts in 2.83 us, two tiers, without our start-up.
TEST(SwitchReduce, LatencyAsPublished) {
  const TopologyCase c(kind_named("switch_reduce"),
                       {{"fleet.chips", "H100:128"}, {"chip.H100.scale_up_domain", "1"}}, 1, 1, 8,
                       no_settings);
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  const double start_up = c.collective->graph(0, {}).start_latency;
  EXPECT_NEAR(finish[0] - start_up, 2.83e-6, 0.05e-6);
  EXPECT_GT(start_up, 0);
}

/// NVIDIA DGX SuperPOD H100 (RA-11333-001): 32 systems of 8 under 8 leaves, 128 under 32.
TEST(LeafSwitches, ByRailsAsPublished) {
  for (const auto& [chips, leaves] : std::map<std::int64_t, std::size_t>{{256, 8}, {1024, 32}}) {
    const TopologyCase c(kind_named("switch_reduce"),
                         {{"fleet.chips", fmt::format("H100:{}", chips)},
                          {"fabric.leaf", "rail"},
                          {"fabric.leaf_chips", "32"}},
                         1, 1, 1e6, no_settings);
    const LeafSwitches switches = leaf_switches(c.layout, c.fabric);
    EXPECT_EQ(switches.pod_of_leaf.size(), leaves);
    std::map<std::int32_t, std::int64_t> below;
    for (std::size_t chip = 0; chip < switches.leaf.size(); ++chip) {
      ++below[switches.leaf[chip]];
      // A chip's leaf is its place's among 8, and its scalable unit's among 256 chips.
      const auto slot = static_cast<std::size_t>(c.layout.slot[chip]);
      EXPECT_EQ(switches.leaf[chip], switches.leaf[slot / 256 * 256 + slot % 8]);
    }
    for (const auto& [leaf, count] : below) EXPECT_EQ(count, 32) << leaf;
  }
}

/// 16 domains below rail leaves of 16 chips: no rail crosses an uplink, however narrow; 17 do.
TEST(LeafSwitches, KeepARailBelowOneLeaf) {
  const auto time = [](std::int64_t domains, const char* leaf, const char* narrow) {
    const TopologyCase c(kind_named("hierarchical_ring"),
                         {{"fleet.chips", fmt::format("H100:{}", 8 * domains)},
                          {"fabric.leaf", leaf},
                          {"fabric.spine_oversubscription", narrow}},
                         1, 1, 1e8, no_settings);
    return std::ranges::max(c.run(MessageNoise{}, {}, c.ready_times(0, 1)));
  };
  EXPECT_EQ(time(16, "rail", "1"), time(16, "rail", "64"));
  EXPECT_GT(time(17, "rail", "64"), time(17, "rail", "1"));
  EXPECT_GT(time(16, "rack", "64"), time(16, "rack", "1"));
  EXPECT_LT(time(16, "rail", "1"), time(16, "rack", "1"));
  for (const auto& [leaf, depth] : std::map<std::string, std::int32_t>{{"rail", 1}, {"rack", 2}}) {
    const TopologyCase c(kind_named("switch_reduce"),
                         {{"fleet.chips", "H100:128"}, {"fabric.leaf", leaf}}, 1, 1, 1e6,
                         no_settings);
    EXPECT_EQ(
        switch_forest(c.request(), leaf_switches(c.layout, c.fabric), 0, rail_layout(c.layout, 0))
            .depth(),
        depth);
  }
}

double noise_free(std::string_view kind, const Settings& settings, double bytes) {
  const TopologyCase c(kind_named(kind), settings, 1, 1, bytes, no_settings);
  return std::ranges::max(c.run(MessageNoise{}, {}, c.ready_times(0, 1)));
}

/// 1 GB over 1,024 H100. A NIC carries an eighth once each way at 95 % of 50 GB/s, NVLink seven
/// eighths twice at 450 GB/s; a ring's NIC an eighth 2 (n - 1) / n times.
TEST(SwitchReduce, TakesWhatItsBytesSay) {
  constexpr double bytes = 1e9;
  // NICs carry 47 of 50 GB/s. NVLink of 450 GB/s: NVLS has 8 channels at 0.85 of 40 GB/s; of
  // 4.5 TB/s: it is slower than two exchanges, at 20.6 of 25.
  const double ring_bytes = 2 * 1023.0 / 1024 * bytes / 8 / 47e9;
  for (const double nvlink : {450e9, 4500e9}) {
    const Settings settings{{"fleet.chips", "H100:1024"},
                            {"chip.H100.scale_up_bandwidth", fmt::format("{}B/s", nvlink)}};
    const double nic = bytes / 8 / 47e9, inside = nvlink == 450e9
                                                      ? bytes / (8 * 0.85 * 40e9)
                                                      : 2 * 7.0 / 8 * bytes / (nvlink * 20.6 / 25);
    const double bound = std::max(nic, inside), time = noise_free("switch_reduce", settings, bytes);
    EXPECT_GT(time, bound);
    EXPECT_LT(time, 1.1 * bound) << nvlink;  // fill and latency
    const double ring = noise_free("ring", settings, bytes);
    EXPECT_GT(ring, ring_bytes);
    EXPECT_GT(ring / time, 0.95 * ring_bytes / bound) << nvlink;
  }
}

/// NVIDIA, GTC'25 S72583, slide 12: 32 H100 with IB SHARP reach a bus bandwidth of 480 GB/s.
TEST(SwitchReduce, BusBandwidthAsMeasured) {
  for (const double bytes : {1e9, 8e9}) {
    const double time = noise_free("switch_reduce", {{"fleet.chips", "H100:32"}}, bytes);
    EXPECT_NEAR(2 * 31.0 / 32 * bytes / time, 480e9, 48e9);
  }
}

/// Two domains of 4 H100, one chunk: an exchange, four trees of one switch, an exchange.
TEST(SwitchReduce, InNumbers) {
  const Settings settings{{"fleet.chips", "H100:8"},
                          {"chip.H100.scale_up_domain", "4"},
                          {"chip.H100.node", "4"},
                          {"topology.chunks", "1"}};
  const double inside = 3.7e-6 + 3 * 0.4e-6 + 3 * 2e6 / 370.8e9, hop = 0.7e-6 + 2e6 / 47e9;
  const double time = 8.4e-6 + 2 * inside + 2 * hop;
  EXPECT_NEAR(noise_free("switch_reduce", settings, 8e6), time, 1e-12 * time);
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
