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
#include "tests/invariants/topology_times.hpp"
#include "topologies/table.hpp"
#include "topologies/wiring/rail_layout.hpp"
#include "topologies/wiring/switched_fabric.hpp"
#include "topologies/wiring/torus_mapping.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep::test {

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

inline std::optional<double> sends_optimal_share(const TopologyCase& c) {
  return optimal_share(c.ranks());
}

inline std::optional<double> sends_only_in_sum(const TopologyCase&) {
  return {};
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
