#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "topologies/algorithms/tree/double_binary_tree.hpp"

namespace lockstep::test {

/// A uniform fabric and a buffer, for closed forms.
struct UniformHops {
  double latency, bandwidth, bytes;  ///< [s], [B/s], [B]
};

/// Noise-free time of an all-reduce with equal hops and all ranks ready at 0.
struct ExpectedTime {
  double least, most;  ///< [s]; equal where a closed form is exact
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

inline double torus_port_share(std::int64_t ranks) {
  return optimal_share(ranks) / std::max(1.0, 2 * rings_of(ranks));
}

}  // namespace lockstep::test
