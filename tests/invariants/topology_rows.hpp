#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/invariants/topology_case.hpp"
#include "topologies/algorithms/tree/double_binary_tree.hpp"
#include "topologies/table.hpp"
#include "topologies/wiring/rail_layout.hpp"
#include "topologies/wiring/switched_fabric.hpp"
#include "topologies/wiring/torus_mapping.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep::test {

/// A uniform fabric and a buffer, for closed forms.
struct UniformHops {
  double latency, bandwidth, bytes;  ///< [s], [B/s], [B]
};

/// Noise-free time of an all-reduce with equal hops and all ranks ready at 0.
struct ExpectedTime {
  double least, most;  ///< [s]; equal where a closed form is exact
};

/// One way of setting a kind's own parameters; `chunks` is what it pipelines in.
struct Variant {
  Settings settings;
  std::int64_t chunks = 1;
};

/// What messages share, one way.
struct Port {
  std::int64_t key;
  double capacity;  ///< [B/s]
};

/// What the invariant tests expect of one topology.
struct TopologyRow {
  std::string_view kind;
  /// Settings with which `groups` groups have `ranks` ranks each.
  Settings (*settings)(std::int64_t groups, std::int64_t ranks);
  /// Ways to set its parameters that the tests go through.
  std::vector<Variant> variants;
  /// What every rank sends, in buffers; nothing where only the sum is known: each vertex of the
  /// message graph but one passes a buffer on and gets one back.
  std::optional<double> (*rank_sends)(const TopologyCase&);
  /// Hops that must follow each other.
  double (*latency_hops)(std::int64_t ranks);
  /// The least share of the buffer that passes a rank's busiest port, one way.
  double (*port_share)(std::int64_t ranks);
  ExpectedTime (*expected)(std::int64_t ranks, std::int64_t chunks, const UniformHops& hops);
  /// The ports that a message passes: first where it leaves, then where it arrives.
  std::array<Port, 2> (*ports_of)(const TopologyCase&, std::int64_t group, const Message&);
};

/// Sides of the most cubic torus of `ranks` ranks, longest first.
inline std::array<std::int64_t, 3> sides_of(std::int64_t ranks) {
  std::array<std::int64_t, 3> best{ranks, 1, 1};
  for (std::int64_t c = 1; c * c * c <= ranks; ++c)
    for (std::int64_t b = c; c * b * b <= ranks; ++b)
      if (ranks % (c * b) == 0 && ranks / (c * b) < best[0]) best = {ranks / (c * b), b, c};
  return best;
}

inline double rings_of(std::int64_t ranks) {  // dimensions longer than 1
  double rings = 0;
  for (std::int64_t side : sides_of(ranks)) rings += side > 1 ? 1 : 0;
  return rings;
}

inline double torus_hops(std::int64_t ranks) {
  double hops = 0;
  for (std::int64_t side : sides_of(ranks)) hops += 2 * static_cast<double>(side - 1);
  return hops;
}

/// 2 (n - 1) / n: what a rank must send where ranks alone add.
inline double optimal_share(std::int64_t ranks) {
  const auto n = static_cast<double>(ranks);
  return 2 * (n - 1) / n;
}

inline std::optional<double> sends_optimal_share(const TopologyCase& c) {
  return optimal_share(c.ranks());
}

inline std::optional<double> sends_only_in_sum(const TopologyCase&) {
  return {};
}

inline ExpectedTime ring_time(std::int64_t ranks, std::int64_t, const UniformHops& hops) {
  const double time = 2 * static_cast<double>(ranks - 1) * hops.latency +
                      optimal_share(ranks) * hops.bytes / hops.bandwidth;
  return {time, time};
}

/// Rails and clusters of n H100 in domains of 8, and whether some rank has no rail.
struct Rails {
  double rails, clusters;
  bool folds;
  bool splits = false;  ///< some domain holds several clusters
};

inline Rails rails_of(std::int64_t ranks) {
  constexpr std::int64_t domain = 8;
  const std::int64_t rest = ranks % domain, whole = ranks / domain;
  const std::int64_t rails = rest == 0 ? domain : rest;
  if (whole == 0) return {static_cast<double>(rails), 1, false};
  return {static_cast<double>(rails),
          static_cast<double>(whole * (domain / rails) + (rest > 0 ? 1 : 0)), domain % rails != 0,
          domain / rails > 1};
}

/// Rings inside, rails, rings inside, chunk after chunk in each; NVLink has all of the first before
/// the last. One chunk where rails run through domains. The buffer of a rank without a rail comes
/// in first, and the heaviest path runs through it; whether its last rank stands for one without a
/// rail is left open.
inline ExpectedTime hierarchical_ring_time(std::int64_t ranks, std::int64_t chunks,
                                           const UniformHops& hops) {
  const auto [rails, clusters, folds, splits] = rails_of(ranks);
  const auto hop = [&](double parts) { return hops.latency + hops.bytes / parts / hops.bandwidth; };
  if (splits) chunks = 1;
  const auto k = static_cast<double>(chunks);
  const double inside = (rails - 1) * hop(rails * k),
               rail = 2 * (clusters - 1) * hop(rails * clusters * k);
  double on_rail = 0, time = k * inside;
  for (std::int64_t c = 1; c <= chunks; ++c) {
    on_rail = std::max(static_cast<double>(c) * inside, on_rail) + rail;
    time = std::max(time, on_rail) + inside;
  }
  return {time + (folds ? 1 : 0) * hop(1), time + (folds ? 2 : 0) * hop(1)};
}

/// Where the smallest domain's ranks divide every domain's, all ranks have a rail.
inline std::optional<double> sends_on_rails(const TopologyCase& c) {
  for (std::int64_t group = 0; group < c.groups(); ++group) {
    const DomainClusters domains = domain_clusters(c.layout, group);
    for (std::int32_t d = 0; d < domains.count(); ++d)
      if (domains.size(d) % smallest_cluster(c.layout, group) != 0) return {};
  }
  return optimal_share(c.ranks());
}

/// Whether switch_reduce takes NVLS in the domains of a group: of more than four H100 it is faster.
inline bool takes_nvls(const TopologyCase& c, std::int64_t group) {
  return c.kind.name == "switch_reduce" && !c.fabric.uniform() &&
         smallest_cluster(c.layout, group) > 4 && sends_on_rails(c);
}

/// Twice all but its own part inside its domain, and a part up its rail, where all groups have as
/// many rails and all ranks one; with NVLS the whole and a part.
inline std::optional<double> sends_up_rails(const TopologyCase& c) {
  if (!sends_on_rails(c)) return {};
  const auto rails = smallest_cluster(c.layout, 0);
  for (std::int64_t group = 0; group < c.groups(); ++group)
    if (smallest_cluster(c.layout, group) != rails) return {};
  const double part = 1 / static_cast<double>(rails);
  return (takes_nvls(c, 0) ? 1 + part : 2 * (1 - part)) + (rails < c.ranks() ? part : 0);
}

/// Hops from a rank to the highest switch: 16 chips a leaf, 3,072 a pod.
inline double switch_tiers(std::int64_t ranks) {
  return ranks == 1 ? 0 : ranks <= 16 ? 1 : ranks <= 3072 ? 2 : 3;
}

/// An exchange inside domains, `rails` trees, an exchange: K pieces of the buffer / rails, all of
/// the first exchange before the second on the same port. Of a group in one domain no tree.
inline ExpectedTime switch_reduce_time(std::int64_t ranks, std::int64_t chunks,
                                       const UniformHops& hops) {
  if (ranks == 1) return {0, 0};
  const Rails grid = rails_of(ranks);
  const double rails = grid.rails, clusters = grid.clusters;
  const auto k = static_cast<double>(chunks);
  const double piece = hops.bytes / rails / k / hops.bandwidth, exchange = (rails - 1) * piece;
  const double tree = clusters > 1 ? 2 * switch_tiers(ranks) * (hops.latency + piece) : 0;
  const double slower = clusters > 1 ? std::max(exchange, piece) : exchange;
  double time = tree + (k - 1) * slower;
  if (rails > 1) {
    const double latency = hops.latency;
    time = latency + exchange +
           std::max((2 * k - 1) * exchange, latency + exchange + tree + (k - 1) * slower);
  }
  const double fold = grid.folds ? hops.latency + hops.bytes / hops.bandwidth : 0;
  return {time + fold, time + 2 * fold};
}

/// Hops from the farthest rank below `top` (all ranks: the root) up to it.
inline double tree_height(std::int64_t ranks, bool second, std::int32_t top) {
  const auto parents = binary_tree_parents(static_cast<std::int32_t>(ranks), second);
  double height = 0;
  for (std::int32_t node = 0; node < ranks; ++node) {
    double level = 0;
    std::int32_t at = node;
    for (; at != top && parents[static_cast<std::size_t>(at)] >= 0; ++level)
      at = parents[static_cast<std::size_t>(at)];
    if (at == top) height = std::max(height, level);
  }
  return height;
}

/// Least and most of the hops that share a port with a hop of two trees, itself too.
inline std::array<double, 2> tree_sharing(std::int64_t ranks) {
  const auto n = static_cast<std::size_t>(ranks);
  std::vector<double> sends(n, 0.0), receives(n, 0.0);
  const auto for_hops = [&](const auto& visit) {
    for (bool second : {false, true}) {
      const auto parents = binary_tree_parents(static_cast<std::int32_t>(ranks), second);
      for (std::size_t lower = 0; lower < n; ++lower)
        if (parents[lower] >= 0) visit(lower, static_cast<std::size_t>(parents[lower]));
    }
  };
  for_hops([&](std::size_t lower, std::size_t upper) {
    ++sends[lower];
    ++receives[upper];
  });
  std::array<double, 2> sharing{2, 1};
  for_hops([&](std::size_t lower, std::size_t upper) {
    const double hops = std::max(sends[lower], receives[upper]);
    sharing = {std::min(sharing[0], hops), std::max(sharing[1], hops)};
  });
  return sharing;
}

/// Two trees, each with half of the buffer in K chunks over hops of half the bandwidth, over two
/// ranks of all of it; over a few odd counts some of each. Broadcast waits at a port for the K
/// chunks of the reductions that leave by it: at a root's child on the longest path, and at the
/// first root for what it sends up the second tree, where it is a leaf of an even count and an
/// inner node of an odd one.
inline ExpectedTime tree_time(std::int64_t ranks, std::int64_t chunks, const UniformHops& hops) {
  if (ranks == 1) return {0, 0};
  const double depth = tree_height(ranks, false, 0), below = tree_height(ranks, true, 0);
  const auto time = [&](double sharing) {
    const auto k = static_cast<double>(chunks);
    const double g = hops.bytes / (2 * k) / (hops.bandwidth / sharing), hop = hops.latency + g;
    const double held = std::max(2 * depth - 2, depth + below) * hop + k * g;
    return std::max(2 * depth * hop, held) + (k - 1) * g;
  };
  const auto [least, most] = tree_sharing(ranks);
  return {time(least), time(most)};
}

/// An optical torus that is no whole cubes of 4x4x4 is a mesh: lines, no rings.
inline bool is_mesh(std::string_view kind, const std::array<std::int64_t, 3>& sides) {
  return kind == "ocs_torus" &&
         std::any_of(sides.begin(), sides.end(), [](std::int64_t side) { return side % 4 != 0; });
}

/// Equal sides: exact. Unequal: links of the shorter dimensions wait; at most every phase waits for
/// the slowest of the orders in it. `ways`: links of a dimension that carry a part, 2 on rings.
inline ExpectedTime torus_time(std::int64_t ranks, const UniformHops& hops, double ways) {
  std::vector<double> sides;
  for (std::int64_t side : sides_of(ranks))
    if (side > 1) sides.push_back(static_cast<double>(side));
  const std::size_t orders = sides.size();
  const double parts = ways * static_cast<double>(orders);
  const double least =
      std::max(torus_hops(ranks) * hops.latency,
               orders == 0 ? 0 : optimal_share(ranks) * hops.bytes / hops.bandwidth / parts);
  double phases = 0;
  for (std::size_t depth = 0; depth < orders; ++depth) {
    double slowest = 0;
    for (std::size_t order = 0; order < orders; ++order) {
      double part = hops.bytes / parts;
      for (std::size_t i = 0; i <= depth; ++i) part /= sides[(order + i) % orders];
      slowest = std::max(
          slowest, (sides[(order + depth) % orders] - 1) * (hops.latency + part / hops.bandwidth));
    }
    phases += 2 * slowest;
  }
  const bool equal = orders == 0 || (sides.front() == sides.back());
  return {equal ? phases : least, phases};
}

inline ExpectedTime ring_torus_time(std::int64_t ranks, std::int64_t, const UniformHops& hops) {
  return torus_time(ranks, hops, 2);
}

inline ExpectedTime optical_torus_time(std::int64_t ranks, std::int64_t, const UniformHops& hops) {
  return torus_time(ranks, hops, is_mesh("ocs_torus", sides_of(ranks)) ? 1 : 2);
}

/// On a ring everyone passes on as much.
inline std::optional<double> sends_on_a_torus(const TopologyCase& c) {
  if (is_mesh(c.kind.name, read_sides("topology.shape", c.values.text("topology.shape"))))
    return {};
  return optimal_share(c.ranks());
}

/// A rank's NVLink and NIC are ports of their own, each way; a uniform fabric has one port.
inline std::array<Port, 2> switched_ports(const TopologyCase& c, std::int64_t group,
                                          const Message& m) {
  const bool uniform = c.fabric.uniform();
  const bool network = uniform || !c.same_domain(group, m.source, m.destination);
  const auto capacity = [&](std::int32_t rank) {
    const Chip& chip = c.chip(group, rank);
    return uniform ? *c.fabric.hop_bandwidth
                   : (network ? chip.injection_bandwidth : chip.scale_up_bandwidth);
  };
  const auto key = [&](std::int32_t rank, int way) {
    return (static_cast<std::int64_t>(rank) * 2 + (network ? 1 : 0)) * 2 + way;
  };
  return {
      {{key(m.source, 0), capacity(m.source)}, {key(m.destination, 1), capacity(m.destination)}}};
}

/// Where switches of domains reduce, what ranks send meets in the switch: a head has no port of
/// several senders.
inline std::array<Port, 2> nccl_ports(const TopologyCase& c, std::int64_t group, const Message& m) {
  auto ports = switched_ports(c, group, m);
  const bool inside = !c.fabric.uniform() && c.same_domain(group, m.source, m.destination);
  if (!inside || !c.collective->choice().starts_with("NVLS")) return ports;
  const std::int64_t hop = 4 * c.ranks() * (1 + std::min(m.source, m.destination)) +
                           4 * std::max(m.source, m.destination);
  ports[0].key = hop + (m.source < m.destination ? 1 : 0);
  ports[1].key = hop + (m.source < m.destination ? 3 : 2);
  return ports;
}

/// Every link is a port of its own, and a hop over a box has its group's even share of each link;
/// between neighbours on a ring of two there are two links.
inline std::array<Port, 2> torus_ports(const TopologyCase& c, std::int64_t group,
                                       const Message& m) {
  const TorusShape shape =
      TorusMapping(c.values.text("topology.mapping"))
          .legal_box(read_sides("topology.shape", c.values.text("topology.shape")), c.groups(), 1);
  const auto sides = shape.groups();
  const std::array<std::int64_t, 3> stride{sides[1] * sides[2], sides[2], 1};
  std::size_t dimension = 0;
  for (std::size_t d = 0; d < 3; ++d)
    if (m.source / stride[d] % sides[d] != m.destination / stride[d] % sides[d]) dimension = d;
  double capacity = 0;
  if (c.fabric.uniform()) {
    capacity = *c.fabric.hop_bandwidth;
  } else {
    const auto link = [&](std::int32_t rank) { return c.fabric.link_rate(c.chip(group, rank)); };
    capacity =
        std::min(link(m.source), link(m.destination)) / static_cast<double>(shape.box()[dimension]);
  }
  if (sides[dimension] == 2 && !is_mesh(c.kind.name, shape.chips)) capacity *= 2;
  const std::int64_t key = static_cast<std::int64_t>(m.source) * c.ranks() + m.destination;
  return {{{2 * key, capacity}, {2 * key + 1, capacity}}};
}

/// A rank's NVLink and NIC are ports of their own, each way, on a uniform fabric too.
inline std::array<Port, 2> railed_ports(const TopologyCase& c, std::int64_t group,
                                        const Message& m) {
  const bool network = !c.same_domain(group, m.source, m.destination);
  const auto port = [&](std::int32_t rank, int way) {
    const Chip& chip = c.chip(group, rank);
    return Port{(static_cast<std::int64_t>(rank) * 2 + (network ? 1 : 0)) * 2 + way,
                c.fabric.uniform() ? *c.fabric.hop_bandwidth
                : network          ? chip.injection_bandwidth
                                   : chip.scale_up_bandwidth};
  };
  return {port(m.source, 0), port(m.destination, 1)};
}

/// Each hop of the switches' trees is a port at either end, known by its lower end; no port is
/// faster than the fastest chip's. Inside domains it is NVLink's.
inline std::array<Port, 2> switch_ports(const TopologyCase& c, std::int64_t group,
                                        const Message& m) {
  if (m.source < c.ranks() && m.destination < c.ranks()) {
    auto ports = railed_ports(c, group, m);
    for (Port& port : ports) port.key = -1 - port.key;
    return ports;
  }
  const std::int64_t lower = std::min(m.source, m.destination);
  double capacity = 0;
  for (std::int64_t rank = 0; rank < c.ranks(); ++rank)
    if (lower >= c.ranks() || rank == lower)
      capacity = std::max(capacity, c.chip(group, rank).injection_bandwidth);
  if (c.fabric.uniform()) capacity = *c.fabric.hop_bandwidth;
  const std::int64_t key = lower * 4 + (m.source < m.destination ? 2 : 0);
  return {{{key, capacity}, {key + 1, capacity}}};
}

inline Settings no_settings(std::int64_t, std::int64_t) {
  return {};
}

/// The first side carries the groups too, strided.
inline Settings shape_settings(std::int64_t groups, std::int64_t ranks) {
  const auto sides = sides_of(ranks);
  const std::string first = groups == 1 ? "data" : fmt::format("model:{} data", groups);
  return {{"topology.shape", fmt::format("{}x{}x{}", sides[0] * groups, sides[1], sides[2])},
          {"topology.mapping", first + ", data, data"}};
}

inline double torus_port_share(std::int64_t ranks) {
  return optimal_share(ranks) / std::max(1.0, 2 * rings_of(ranks));
}

inline const std::vector<TopologyRow>& topology_rows() {
  static const std::vector<TopologyRow> rows{
      {.kind = "ring",
       .settings = no_settings,
       .variants = {{{}, 1}, {{{"topology.channels", "3"}}, 1}},
       .rank_sends = sends_optimal_share,
       .latency_hops = [](std::int64_t n) { return 2 * static_cast<double>(n - 1); },
       .port_share = optimal_share,
       .expected = ring_time,
       .ports_of = switched_ports},
      {.kind = "hierarchical_ring",
       .settings = no_settings,
       .variants = {{{{"topology.chunks", "1"}}, 1},
                    {{{"topology.chunks", "5"}}, 5},
                    {{{"topology.chunks", "32"}}, 32}},
       .rank_sends = sends_on_rails,
       .latency_hops =
           [](std::int64_t n) {
             const Rails r = rails_of(n);
             return 2 * (r.rails - 1) + 2 * (r.clusters - 1);
           },
       .port_share = [](std::int64_t n) { return optimal_share(n) / 2; },  // two ports
       .expected = hierarchical_ring_time,
       .ports_of = railed_ports},
      {.kind = "tree",
       .settings = no_settings,
       .variants = {{{{"topology.chunks", "1"}}, 1},
                    {{{"topology.chunks", "7"}, {"topology.channels", "2"}}, 7},
                    {{{"topology.chunks", "64"}}, 64}},
       .rank_sends = sends_only_in_sum,
       // A binary tree over n ranks is at least this deep.
       .latency_hops = [](std::int64_t n) { return 2 * std::floor(std::log2(n)); },
       .port_share = optimal_share,
       .expected = tree_time,
       .ports_of = switched_ports},
      {.kind = "switch_reduce",
       .settings = no_settings,
       .variants = {{{{"topology.chunks", "1"}}, 1},
                    {{{"topology.chunks", "7"}}, 7},
                    {{{"topology.chunks", "64"}}, 64}},
       .rank_sends = sends_up_rails,
       .latency_hops =
           [](std::int64_t n) {
             const Rails r = rails_of(n);
             return (r.rails > 1 ? 2 : 0) + (r.clusters > 1 ? 2 * switch_tiers(n) : 0);
           },
       // NVLink carries all but its own part twice, the NIC a part each way.
       .port_share =
           [](std::int64_t n) {
             const Rails r = rails_of(n);
             return std::max(2 * (r.rails - 1) / r.rails, r.clusters > 1 ? 1 / r.rails : 0.0);
           },
       .expected = switch_reduce_time,
       .ports_of = switch_ports},
      // On equal hops it is the tree.
      {.kind = "nccl",
       .settings = no_settings,
       .variants = {{{{"topology.chunks", "1"}}, 1}, {{{"topology.chunks", "16"}}, 16}},
       .rank_sends = sends_only_in_sum,
       .latency_hops = [](std::int64_t n) { return 2 * std::floor(std::log2(n)); },
       .port_share = optimal_share,
       .expected = tree_time,
       .ports_of = nccl_ports},
      {.kind = "torus",
       .settings = shape_settings,
       .variants = {{{}, 1}},
       .rank_sends = sends_on_a_torus,
       .latency_hops = torus_hops,
       .port_share = torus_port_share,
       .expected = ring_torus_time,
       .ports_of = torus_ports},
      {.kind = "ocs_torus",
       .settings = shape_settings,
       .variants = {{{}, 1}},
       .rank_sends = sends_on_a_torus,
       .latency_hops = torus_hops,
       .port_share = torus_port_share,
       .expected = optical_torus_time,
       .ports_of = torus_ports},
  };
  return rows;
}

/// The row of a kind; fails the test and returns null when there is none.
inline const TopologyRow* find_topology_row(const TopologyKind& kind) {
  for (const TopologyRow& row : topology_rows())
    if (row.kind == kind.name) return &row;
  ADD_FAILURE() << "topology " << kind.name
                << " has no row in tests/invariants/topology_rows.hpp: add one";
  return nullptr;
}

}  // namespace lockstep::test
