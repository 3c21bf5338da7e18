#pragma once

#include <cstdint>
#include <vector>

namespace lockstep {

/// One of the two trees of one channel over the ranks of a group.
struct Tree {
  std::vector<std::int32_t> parent;  ///< (ranks) -1 for the root
  std::vector<std::int32_t> order;   ///< ranks but the root, children before parents
  std::int32_t root = 0;
  std::int32_t depth = 0;  ///< hops from the root to the farthest rank
};

/// Trees over clusters (consecutive ranks of one scale-up domain; begins as domain_clusters gives
/// them): in each cluster a chain that starts at its rank `channel`, whose head is the cluster's
/// node in the double binary tree.
Tree make_tree(const std::vector<std::int32_t>& cluster_begins, std::int64_t channel, bool second);

}  // namespace lockstep
