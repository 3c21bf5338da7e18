#pragma once

#include <array>
#include <memory>

#include "topologies/algorithms/tree/tree_hops.hpp"
#include "topologies/algorithms/tree/tree_noise.hpp"

namespace lockstep {

/// What the lanes of a run reduce and broadcast on.
struct TreeLanes {
  const MessageNoise& noise;
  const TreeNumbering& numbering;
  const LaneRun& run;
  const std::array<Tree, 2>& trees;
  const TreeHops::Costs* hops;  ///< (2)
  /// Both trees use the same ports: broadcast follows all reduction on each. Else each hop is a
  /// link of its own, and both ways are on at once.
  bool share_ports;
};

/// Up both trees and down again. ready, finish: (groups, ranks) of the job [s]; to ready times
/// `base_latency` is added, finish times are raised to when the lanes' ranks have all chunks.
void walk_trees(const TreeLanes& lanes, const double* ready, double base_latency, double* finish);

/// When the reduction is through without noise.
struct TreeReduction {
  /// (vertices) when the port of each vertex' own hop has sent it, and its last arrival there;
  /// nullptr where ports are not shared [s].
  std::unique_ptr<LaneRow[]> sent, received;
  /// When the root of each tree has the first chunk, and the last [s].
  std::array<LaneRow, 2> first, last;
};

/// Up both trees alone; `lanes.noise` is none. ready, base_latency: as in walk_trees.
TreeReduction reduce_on_trees(const TreeLanes& lanes, const double* ready, double base_latency);

/// Estimated cost of `runs` runs up and down both trees, in units of 0.1 ns.
double tree_cost(const Noise& noise, const TreeNumbering& numbering, std::size_t runs);

}  // namespace lockstep
