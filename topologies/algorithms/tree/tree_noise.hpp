#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/tree/tree_hops.hpp"

namespace lockstep {

/// How the messages of a group on two trees are numbered:
/// (((channel 2 + phase) 2 + tree) chunks + chunk) ranks + rank below the hop.
struct TreeNumbering {
  std::int64_t channels = 1, chunks = 1, ranks = 1;

  std::int64_t of(std::int64_t channel, std::int64_t phase, std::int64_t tree, std::int64_t chunk,
                  std::int64_t below) const {
    return (((channel * 2 + phase) * 2 + tree) * chunks + chunk) * ranks + below;
  }
  std::int64_t messages() const { return channels * 4 * chunks * ranks; }

  struct Place {
    std::int64_t channel, phase, tree, chunk, below;
  };
  Place place_of(std::int64_t message) const {
    const std::int64_t row = message / ranks, tree_row = row / chunks;
    return {tree_row / 4, tree_row / 2 % 2, tree_row % 2, row % chunks, message % ranks};
  }
};

/// Stops that a pass takes at a time: what it keeps for each bounds its memory.
inline constexpr std::int64_t stops_at_once = 8;

/// The noise of one tree of a run, and the chunks at which it makes the lanes stop.
///
/// Without dense noise a lane stops at its first chunk, at every one that has a spike on its way up
/// or down, and at its last. That is exact. Between two stops s < t let a stream, time as a
/// function of the chunk, be convex on [s, t]. A hop makes of it
///
///   out(c) = max(out(s) + (c - s) gap, max over s < j <= c of in(j) + (c - j) gap + latency)
///
/// and since in(j) - j gap is convex, the maximum lies at j = c or, below out(s), at j = s:
/// out(t) = max(out(s) + (t - s) gap, in(t) + latency). Both are convex in c, so out is; a spike at
/// s or t, or a port taken until chunk 0, raises an end of [s, t], which keeps it convex; so do
/// maxima of streams, and what a rank has of its own is constant. (The same for starts.)
class TreeNoise {
 public:
  /// All but the numbering must outlive this. tree: 0 or 1.
  TreeNoise(const MessageNoise& noise, const TreeNumbering& numbering, const LaneRun& run,
            const Tree& shape, std::int64_t tree);

  std::int64_t stops() const { return static_cast<std::int64_t>(steps_.size()); }
  /// (stops) chunks since the stop before, 1 at first. A lane with fewer stops than another stays
  /// at its last: steps of 0 change nothing.
  const std::vector<LaneRow>& steps() const { return steps_; }

  /// Noise of the stops first .. first + stops_at_once - 1 on the way up (phase 0) or down (1).
  void load(int phase, std::int64_t first);
  const std::int32_t* noisy() const { return noisy_.data(); }  ///< as in TreePass
  const LaneRow* delay() const { return delay_.data(); }

 private:
  struct Spike {
    std::int64_t stop;  // its chunk until stops are known
    std::int32_t visit, lane;
    double delay;
  };
  void collect_spikes(std::int64_t group);
  void set_stops();
  void fill_dense(int phase, std::int64_t first, std::int64_t stops);

  const MessageNoise& noise_;
  TreeNumbering numbering_;
  const LaneRun& run_;
  const Tree& shape_;
  std::int64_t tree_;
  std::array<std::vector<Spike>, 2> spikes_;  // by phase; in the order of loads, then of visits
  std::vector<LaneRow> steps_;
  std::vector<std::int32_t> noisy_;
  std::vector<LaneRow> delay_;
};

}  // namespace lockstep
