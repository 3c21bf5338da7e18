#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/invariants/topology_case.hpp"
#include "topologies/double_binary_tree.hpp"
#include "topologies/table.hpp"
#include "topologies/torus_shape.hpp"

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
  /// Every rank sends 2 (n - 1) / n of the buffer; else only the sum over ranks is n times that.
  bool ranks_send_equally;
  /// Hops that must follow each other.
  double (*latency_hops)(std::int64_t ranks);
  /// Full-rate ports (each way) a rank can use at once.
  double (*ports)(std::int64_t ranks);
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

/// 2 (n - 1) / n of the buffer through `ports` ports.
inline double bandwidth_bound(std::int64_t ranks, double ports, const UniformHops& hops) {
  const auto n = static_cast<double>(ranks);
  return ranks == 1 ? 0.0 : 2 * (n - 1) / n * hops.bytes / hops.bandwidth / ports;
}

inline ExpectedTime ring_time(std::int64_t ranks, std::int64_t, const UniformHops& hops) {
  const double time =
      2 * static_cast<double>(ranks - 1) * hops.latency + bandwidth_bound(ranks, 1, hops);
  return {time, time};
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

/// Two trees, each with half of the buffer in K chunks over hops of half the bandwidth. Broadcast
/// waits at a port for the K chunks of the reductions that leave by it: at a root's child on the
/// longest path, and at the first root for what it sends up the second tree, where it is a leaf
/// of an even count and an inner node of an odd one.
inline ExpectedTime tree_time(std::int64_t ranks, std::int64_t chunks, const UniformHops& hops) {
  if (ranks == 1) return {0, 0};
  const auto k = static_cast<double>(chunks);
  const double g = hops.bytes / (2 * k) / (hops.bandwidth / 2), hop = hops.latency + g;
  const double depth = tree_height(ranks, false, 0), below = tree_height(ranks, true, 0);
  const double held = std::max(2 * depth - 2, depth + below) * hop + k * g;
  const double time = std::max(2 * depth * hop, held) + (k - 1) * g;
  return {time, time};
}

/// Equal sides: exact. Unequal: links of the shorter dimensions wait; at most every phase waits for
/// the slowest of the orders in it.
inline ExpectedTime torus_time(std::int64_t ranks, std::int64_t, const UniformHops& hops) {
  std::vector<double> sides;
  for (std::int64_t side : sides_of(ranks))
    if (side > 1) sides.push_back(static_cast<double>(side));
  const std::size_t orders = sides.size();
  const double least = std::max(torus_hops(ranks) * hops.latency,
                                bandwidth_bound(ranks, 2 * static_cast<double>(orders), hops));
  double phases = 0;
  for (std::size_t depth = 0; depth < orders; ++depth) {
    double slowest = 0;
    for (std::size_t order = 0; order < orders; ++order) {
      double part = hops.bytes / (2 * static_cast<double>(orders));
      for (std::size_t i = 0; i <= depth; ++i) part /= sides[(order + i) % orders];
      slowest = std::max(
          slowest, (sides[(order + depth) % orders] - 1) * (hops.latency + part / hops.bandwidth));
    }
    phases += 2 * slowest;
  }
  const bool equal = orders == 0 || (sides.front() == sides.back());
  return {equal ? phases : least, phases};
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

/// Every link is a port of its own, and a hop over a box has its group's even share of each link;
/// between neighbours on a ring of two there are two links.
inline std::array<Port, 2> torus_ports(const TopologyCase& c, std::int64_t group,
                                       const Message& m) {
  const TorusShape shape =
      torus_shape(c.values.text("topology.shape"), c.layout.chips(), c.groups());
  const auto sides = shape.groups();
  const std::array<std::int64_t, 3> stride{sides[1] * sides[2], sides[2], 1};
  std::size_t dimension = 0;
  for (std::size_t d = 0; d < 3; ++d)
    if (m.source / stride[d] % sides[d] != m.destination / stride[d] % sides[d]) dimension = d;
  double capacity = 0;
  if (c.fabric.uniform()) {
    capacity = *c.fabric.hop_bandwidth;
  } else {
    const double injection = std::min(c.chip(group, m.source).injection_bandwidth,
                                      c.chip(group, m.destination).injection_bandwidth);
    capacity =
        c.fabric.link_bandwidth.value_or(injection / 6) / static_cast<double>(shape.box[dimension]);
  }
  if (sides[dimension] == 2) capacity *= 2;
  const std::int64_t key = static_cast<std::int64_t>(m.source) * c.ranks() + m.destination;
  return {{{2 * key, capacity}, {2 * key + 1, capacity}}};
}

inline const std::vector<TopologyRow>& topology_rows() {
  static const std::vector<TopologyRow> rows{
      {.kind = "ring",
       .settings = [](std::int64_t, std::int64_t) { return Settings{}; },
       .variants = {{{}, 1}, {{{"topology.channels", "3"}}, 1}},
       .ranks_send_equally = true,
       .latency_hops = [](std::int64_t n) { return 2 * static_cast<double>(n - 1); },
       .ports = [](std::int64_t) { return 1.0; },
       .expected = ring_time,
       .ports_of = switched_ports},
      {.kind = "tree",
       .settings = [](std::int64_t, std::int64_t) { return Settings{}; },
       .variants = {{{{"topology.chunks", "1"}}, 1},
                    {{{"topology.chunks", "7"}, {"topology.channels", "2"}}, 7},
                    {{{"topology.chunks", "64"}}, 64}},
       .ranks_send_equally = false,
       // A binary tree over n ranks is at least this deep.
       .latency_hops = [](std::int64_t n) { return 2 * std::floor(std::log2(n)); },
       .ports = [](std::int64_t) { return 1.0; },
       .expected = tree_time,
       .ports_of = switched_ports},
      {.kind = "ocs_torus",
       .settings =
           [](std::int64_t groups, std::int64_t ranks) {
             const auto sides = sides_of(ranks);
             return Settings{{"topology.shape",
                              fmt::format("{}x{}x{}", sides[0] * groups, sides[1], sides[2])}};
           },
       .variants = {{{}, 1}},
       .ranks_send_equally = true,
       .latency_hops = torus_hops,
       .ports = [](std::int64_t n) { return std::max(1.0, 2 * rings_of(n)); },
       .expected = torus_time,
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
