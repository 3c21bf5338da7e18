#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/machine/fabric.hpp"
#include "topologies/algorithms/tree/tree_shape.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

/// Lanes on two trees over the same vertices, which are seats of ranks. A short run repeats its
/// last lane.
struct LaneRun {
  struct Lane {
    std::int64_t group = 0, channel = 0;
    bool operator==(const Lane&) const = default;
  };
  std::vector<Lane> lanes;           ///< those in use, at most tree_lanes
  std::vector<std::int32_t> chip;    ///< (ranks, tree_lanes) chip of the layout at each vertex
  std::vector<std::int32_t> vertex;  ///< (lanes in use, ranks) where each rank is

  std::size_t used() const { return lanes.size(); }
  std::int32_t ranks() const { return static_cast<std::int32_t>(chip.size() / tree_lanes); }
  const std::int32_t* chips_at(std::int32_t at) const {
    return chip.data() + static_cast<std::size_t>(at) * tree_lanes;
  }
};

/// A run without chips yet. lanes: one to tree_lanes.
LaneRun make_lane_run(std::vector<LaneRun::Lane> lanes, std::int64_t ranks);

/// The hops of one tree, each kind once: a kind is what a vertex's hop goes over in each lane.
/// Fabrics have few kinds, so that a pass over a tree hardly loads any.
class TreeHops {
 public:
  /// wire: (visits, lanes in use) of the hop above each, which of `kinds`. Cost: O(vertices).
  TreeHops(std::span<const std::int32_t> wire, std::size_t used_lanes, std::span<const Wire> kinds);

  const Wire& wire(std::size_t visit, std::size_t lane) const {
    return kinds_[static_cast<std::size_t>(kind_[visit])][lane];
  }

  /// What kernels take.
  struct Costs {
    std::vector<std::int32_t> hop;  ///< (visits) which of `costs`
    std::vector<HopCost> costs;
  };
  /// Costs under a trial's slow links, with these uses of the ports, (groups); a hop with a slow
  /// link is a kind of its own. Cost: O(vertices).
  Costs under(const LinkState& links, const Tree& tree, const LaneRun& run,
              std::span<const PortUse> uses, double chunk_bytes) const;

 private:
  using Kind = std::array<Wire, tree_lanes>;

  std::vector<std::int32_t> kind_;  // (visits) which of kinds_
  std::vector<Kind> kinds_;
};

}  // namespace lockstep
