#pragma once

#include <cstdint>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/tree/tree_shape.hpp"

namespace lockstep {

/// The switches between the ranks of one group: its leaves, where it spans several of them a spine
/// for each pod, and where it spans several pods the core. Vertices are the ranks, then leaves,
/// spines, core.
struct SwitchTree {
  Tree tree;                           ///< over the vertices
  std::vector<Tier> tier;              ///< (vertices) of the hop to the parent
  std::vector<std::int64_t> uplink;    ///< (vertices) a switch's leaf or pod number in the fabric
  std::vector<double> port_bandwidth;  ///< (vertices) of the hop to the parent, alone [B/s]

  std::int64_t vertices() const { return static_cast<std::int64_t>(tree.parent.size()); }
};

/// A switch's port runs at the slowest injection bandwidth of the group's chips below it.
SwitchTree switch_tree(const CollectiveRequest& request, std::int64_t group);

}  // namespace lockstep
