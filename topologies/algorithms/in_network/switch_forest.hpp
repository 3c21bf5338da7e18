#pragma once

#include <cstdint>
#include <vector>

#include "engine/machine/leaf_switches.hpp"
#include "engine/network/collective.hpp"
#include "topologies/wiring/rail_layout.hpp"

namespace lockstep {

/// The switches between the ranks of each rail of one group: a rail's leaves, where it spans
/// several of them a spine for each pod, and where it spans several pods the core. Vertices are the
/// grid's places, then the leaves of all rails, spines, cores; a rail of one rank has no switch.
struct SwitchForest {
  std::vector<std::int32_t> parent;    ///< (vertices) -1: the top of its rail
  std::vector<Tier> tier;              ///< (vertices) of the hop to the parent
  std::vector<std::int64_t> uplink;    ///< (vertices) a switch's leaf or pod number in the fabric
  std::vector<double> port_bandwidth;  ///< (vertices) of the hop to the parent, alone [B/s]
  std::vector<std::int32_t> below;     ///< (vertices) ranks of its rail below it, itself too
  std::vector<std::int32_t> levels;    ///< first vertex of each level, then the vertices

  std::int32_t vertices() const { return static_cast<std::int32_t>(parent.size()); }
  /// Hops from a rank to the highest switch.
  std::int32_t depth() const { return static_cast<std::int32_t>(levels.size()) - 2; }
  bool is_top(std::int32_t vertex) const { return parent[static_cast<std::size_t>(vertex)] < 0; }
};

/// A switch's port runs at the slowest injection bandwidth of the rail's chips below it. Cost:
/// O(ranks log ranks).
SwitchForest switch_forest(const CollectiveRequest& request, const LeafSwitches& leaves,
                           std::int64_t group, const RailLayout& grid);

}  // namespace lockstep
