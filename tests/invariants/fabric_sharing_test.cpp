// Who shares which link: uplinks of switches among all groups, links of a torus among the groups
// whose hops cross them.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "tests/invariants/topology_rows.hpp"
#include "tests/invariants/torus_shapes.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep::test {
namespace {

/// Calls each(group, message) with one message of every hop of every group that is in use at once:
/// a ring's first row, of a tree the first chunk of the reduction.
template <class Each>
void for_hops(const TopologyCase& c, const Each& each) {
  for (std::int64_t group = 0; group < c.groups(); ++group)
    for (const Message& m : c.collective->graph(group, {}).messages) {
      const bool first = c.kind.name == "ring" ? m.number < c.ranks() : m.after_receive.empty();
      if (first) each(group, m);
    }
}

/// Highest use of a leaf's uplinks, in or out, over their capacity.
double fullest_leaf(const TopologyCase& c) {
  std::map<std::pair<double, int>, double> load;  // (leaf, way) -> [B/s]
  for_hops(c, [&](std::int64_t group, const Message& m) {
    const auto leaf = [&](std::int32_t rank) {
      const auto chip = static_cast<std::size_t>(c.layout.at(group, rank));
      return std::floor(static_cast<double>(c.layout.slot[chip]) / c.fabric.leaf_chips);
    };
    const double from = leaf(m.source), to = leaf(m.destination);
    if (from == to) return;
    load[{from, 0}] += m.bytes / m.serialization;
    load[{to, 1}] += m.bytes / m.serialization;
  });
  double fullest = 0;
  for (const auto& [at, rate] : load) fullest = std::max(fullest, rate);
  return fullest * c.fabric.spine_oversubscription /
         (c.fabric.leaf_chips * c.chip(0, 0).injection_bandwidth);
}

/// The busiest uplink is exactly full: flows are neither forgotten nor counted twice. 13 groups: a
/// kernel takes 8 side by side and the last 5 with three repeated lanes.
TEST(Uplinks, AreSharedByTheFlowsOfAllGroupsAndNoOthers) {
  for (const char* chips : {"H100:208", "H100:416"}) {
    const Settings settings{{"fleet.chips", chips},
                            {"fabric.protocol", "Simple"},
                            {"fabric.network_efficiency", "1"},
                            {"fabric.leaf_chips", "26"},
                            {"fabric.spine_oversubscription", "8"},
                            {"chip.H100.scale_up_domain", "1"}};
    EXPECT_NEAR(fullest_leaf({kind_named("ring"), settings, 13, 1, 1e7, no_settings}), 1, 1e-9);
    // NCCL's trees reach 0.92 of what they are given.
    EXPECT_NEAR(fullest_leaf({kind_named("tree"), settings, 13, 1, 1e7, no_settings}), 0.92, 1e-9);
  }
}

TEST(Uplinks, CrossedOnceByAnOrderedRingDoNotSlowIt) {
  // 128 chips a replica, pods of 24 replicas: each group crosses a pod's boundary once each way,
  // 128 flows where the 1:7 core has room for 438.
  const Settings settings{{"fleet.chips", "H100:12288"},
                          {"fabric.protocol", "Simple"},
                          {"fabric.network_efficiency", "1"}};
  const TopologyCase c(kind_named("ring"), settings, 8, 16, 1e9, no_settings);
  ASSERT_EQ(c.groups(), 128);
  ASSERT_EQ(c.ranks(), 96);
  const double nic = c.chip(0, 0).injection_bandwidth;
  std::int64_t across = 0;
  for (std::int64_t group : {0, 77, 127})
    for (const Message& m : c.collective->graph(group, {}).messages) {
      ASSERT_NEAR(m.bytes / m.serialization, nic, 1e-9 * nic);
      across += m.source / 24 != m.destination / 24;
    }
  EXPECT_EQ(across, 3 * 4 * 190) << "four boundaries (the ring closes), 2 (n - 1) messages each";

  // A core with room for fewer flows than cross it does slow the ring.
  Settings narrow = settings;
  narrow.emplace_back("fabric.core_oversubscription", "48");
  const TopologyCase slow(kind_named("ring"), narrow, 8, 16, 1e9, no_settings);
  double least = nic;
  for (const Message& m : slow.collective->graph(0, {}).messages)
    least = std::min(least, m.bytes / m.serialization);
  EXPECT_NEAR(least, 3072 * nic / 48 / 128, 1e-9 * nic);
}

TEST(DomainClusters, HoldEveryRankOnceAndOneDomainEach) {
  const Settings settings{{"fleet.chips", "H100:96, GB200:288"},
                          {"fleet.placement", "interleaved"}};
  const TopologyCase c(kind_named("ring"), settings, 4, 8, 1e6, no_settings);
  bool apart = false;  // the case meets a domain whose ranks do not follow each other
  for (std::int64_t group = 0; group < c.groups(); ++group) {
    const DomainClusters clusters = domain_clusters(c.layout, group);
    std::set<std::int32_t> ranks, domains;
    for (std::int32_t k = 0; k < clusters.count(); ++k) {
      std::int32_t before = -1;
      for (std::int32_t place = 0; place < clusters.size(k); ++place) {
        const std::int32_t rank = clusters.member(k, place);
        EXPECT_TRUE(c.same_domain(group, rank, clusters.member(k, 0)));
        EXPECT_GT(rank, before);
        apart |= place > 0 && rank != before + 1;
        before = rank;
        ranks.insert(rank);
      }
      EXPECT_TRUE(domains
                      .insert(c.layout.domain[static_cast<std::size_t>(
                          c.layout.at(group, clusters.member(k, 0)))])
                      .second);
    }
    EXPECT_EQ(static_cast<std::int64_t>(ranks.size()), c.ranks());
  }
  EXPECT_TRUE(apart);
}

/// 2 x 4 x 1 boxes in 4 x 12 x 3 chips: sub-tori of 2 x 3 x 3 ranks.
class StridedTorus : public testing::Test {
 protected:
  const Settings settings{{"fleet.chips", "TPUv4:144"},
                          {"fabric.link_latency", "1us"},
                          {"fabric.link_bandwidth", "50GB/s"},
                          {"topology.shape", "4x12x3"},
                          {"topology.mapping", "model:2 data, model:4 data, data"}};
  const TopologyCase torus{kind_named("torus"), settings, 8, 1, 1e6, no_settings};
  const TorusShape shape = torus_shape("4x12x3", 144, 8);

  std::size_t dimension(const Message& m) const {
    const auto sides = shape.groups();
    const std::array<std::int64_t, 3> stride{sides[1] * sides[2], sides[2], 1};
    std::size_t found = 3;
    for (std::size_t d = 0; d < 3; ++d)
      if (m.source / stride[d] % sides[d] != m.destination / stride[d] % sides[d]) {
        EXPECT_EQ(found, 3u) << "a hop along two dimensions";
        found = d;
      }
    return found;
  }
};

TEST_F(StridedTorus, HopsCostTheLinksTheyCross) {
  EXPECT_EQ(shape.box(), (std::array<std::int64_t, 3>{2, 4, 1}));
  std::array<std::int64_t, 3> seen{};
  for (std::int64_t group = 0; group < 8; ++group)
    for (const Message& m : torus.collective->graph(group, {}).messages) {
      const std::size_t d = dimension(m);
      const auto box = static_cast<double>(shape.box()[d]);
      ASSERT_NEAR(m.latency, box * 1e-6, 1e-18);
      ASSERT_NEAR(m.bytes / m.serialization, 50e9 / box, 1e-3);
      ++seen[d];
    }
  for (std::int64_t count : seen) EXPECT_GT(count, 0);
}

/// A slow cable slows, in its dimension, exactly the hops whose chips lie on both sides of it.
TEST_F(StridedTorus, SlowCablesSlowTheHopsThatCrossThem) {
  const auto sides = shape.groups();
  std::int64_t slowed = 0;
  for (std::size_t cable_dimension = 0; cable_dimension < 3; ++cable_dimension)
    for (std::int64_t owner : {0, 5, 17, 77, 143}) {
      const std::int64_t owner_group = owner / 18, owner_rank = owner % 18;
      std::vector<double> links(3 * 144, 1.0);
      links[cable_dimension * 144 + static_cast<std::size_t>(owner)] = 3;

      // Where a chip sits: the box of its rank, and the group's place inside the box.
      const auto chip_at = [&](std::int64_t group, std::int64_t rank) {
        const std::array<std::int64_t, 3> place{group / 4, group % 4, 0};
        const std::array<std::int64_t, 3> box{rank / (sides[1] * sides[2]),
                                              rank / sides[2] % sides[1], rank % sides[2]};
        std::array<std::int64_t, 3> at{};
        for (std::size_t d = 0; d < 3; ++d) at[d] = box[d] * shape.box()[d] + place[d];
        return at;
      };
      const auto cable = chip_at(owner_group, owner_rank);
      std::set<std::array<std::int64_t, 3>> crossing;  // (group, from, to), the way up
      for (std::int64_t group = 0; group < 8; ++group)
        for (const Message& m : torus.collective->graph(group, {links}).messages) {
          const std::size_t d = dimension(m);
          const double factor =
              m.serialization / m.bytes * 50e9 / static_cast<double>(shape.box()[d]);
          const auto a = chip_at(group, m.source), b = chip_at(group, m.destination);
          bool same_line = d == cable_dimension;
          for (std::size_t e = 0; e < 3; ++e) same_line &= e == d || a[e] == cable[e];
          // The cable leads from its owner to the next chip; the hop up from a covers box of them.
          const auto covers = [&](std::int64_t from) {
            return (cable[d] - from + shape.chips[d]) % shape.chips[d] < shape.box()[d];
          };
          const bool up = (a[d] + shape.box()[d]) % shape.chips[d] == b[d];
          const bool down = (b[d] + shape.box()[d]) % shape.chips[d] == a[d];
          const bool through_up = same_line && up && covers(a[d]);
          const bool through_down = same_line && down && covers(b[d]);
          if (up && down) {  // a ring of two: the message does not say which of the links it takes
            ASSERT_LE(factor, through_up || through_down ? 3 + 1e-9 : 1 + 1e-9);
          } else {
            ASSERT_NEAR(factor, through_up || through_down ? 3 : 1, 1e-9) << "owner " << owner;
          }
          if (factor > 2)
            crossing.insert(
                {group, std::min(m.source, m.destination), std::max(m.source, m.destination)});
        }
      // One hop each way of each group on the line.
      EXPECT_EQ(static_cast<std::int64_t>(crossing.size()), shape.box()[cable_dimension]);
      slowed += static_cast<std::int64_t>(crossing.size());
    }
  EXPECT_EQ(slowed, 5 * (2 + 4 + 1));
}

}  // namespace
}  // namespace lockstep::test
