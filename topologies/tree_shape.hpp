#pragma once

#include <cstdint>
#include <vector>

#include "topologies/switched_fabric.hpp"

namespace lockstep {

/// One of the two trees of one channel over the ranks of a group.
struct Tree {
  std::vector<std::int32_t> parent;  ///< (ranks) -1 for the root
  std::vector<std::int32_t> order;   ///< ranks but the root, children before parents
  std::int32_t root = 0;
  std::int32_t depth = 0;  ///< hops from the root to the farthest rank
};

/// A tree over clusters: in each a chain that starts at its place `channel`, whose head is the
/// cluster's node in the double binary tree.
Tree make_tree(const DomainClusters& clusters, std::int64_t channel, bool second);

}  // namespace lockstep
