#pragma once

#include <cstdint>

#include "engine/base/simd.hpp"

namespace lockstep {

/// Lanes that go through a kernel side by side on one tree: groups, or channels of a group.
inline constexpr int tree_lanes = 8;

/// One number a lane.
struct alignas(64) LaneRow {
  double lane[tree_lanes];
};

/// Before any time [s].
inline constexpr double never = -1e300;
inline constexpr LaneRow never_row{never, never, never, never, never, never, never, never};

/// A vertex but the root, and its hop to its parent.
struct TreeVisit {
  std::int32_t vertex = 0, level = 0;  ///< level: hops to the root
  bool shares_port = false;  ///< the hop takes the same port of the parent as the parent's own hop
};

/// Cost of a hop for each lane [s]; latency includes serialization.
struct HopCost {
  LaneRow latency, gap;
};

/// Some stops of all lanes on their way up or down one tree. A stop is a chunk that is followed;
/// lanes may stop at different ones. `levels` is the depth of the tree and one, for the root.
struct TreePass {
  const TreeVisit* visits = nullptr;  ///< children before parents, each subtree in one piece
  const std::int32_t* hop = nullptr;  ///< (visits) which of `hops`
  const HopCost* hops = nullptr;

  std::int64_t stops = 0;
  const LaneRow* steps = nullptr;  ///< (stops) chunks since the stop before
  /// (levels, stops) up: the latest arrival at the vertex under way on each level, at first
  /// never_row; down: when it holds the chunk, row 0 given.
  LaneRow* path = nullptr;

  /// (levels) up: last arrival of the reduction at the port of the vertex's own hop, at first
  /// never_row; down: when that port has sent the reduction, row 0 given.
  LaneRow* path_port = nullptr;
  /// (vertices) the same for every vertex, null where ports are not asked for: up raises them to
  /// it; down starts hops of shared ports after `sent`.
  LaneRow *sent = nullptr, *received = nullptr;

  /// (vertices) arrival before the first stop, down only; null: never.
  const LaneRow* before = nullptr;
  /// (vertices) start (up only) and arrival of the last stop, null where nobody asks; with
  /// `resumes`, those of the stop before the first (down: `before` is them).
  LaneRow *last_start = nullptr, *last_arrival = nullptr;
  bool resumes = false;

  const std::int32_t* noisy = nullptr;  ///< visits with noise in the order of the pass, then none
  const LaneRow* delay = nullptr;       ///< (noisy, stops) [s]
};

struct TreeKernels {
  /// Visits first .. last-1, in this order. ready: (last - first), when each holds its own part.
  void (*up)(TreePass&, std::int32_t first, std::int32_t last, const LaneRow* ready);
  /// Visits last-1 .. first, in this order. arrival: (last - first) of the last stop.
  void (*down)(TreePass&, std::int32_t first, std::int32_t last, LaneRow* arrival);
};

LOCKSTEP_KERNELS(TreeKernels, tree_kernels)

}  // namespace lockstep
