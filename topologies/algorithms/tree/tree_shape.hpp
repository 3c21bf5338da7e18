#pragma once

#include <cstdint>
#include <vector>

#include "topologies/algorithms/tree/tree_kernels.hpp"
#include "topologies/algorithms/tree/tree_style.hpp"

namespace lockstep {

/// A tree over vertices.
struct Tree {
  std::vector<std::int32_t> parent;  ///< (vertices) -1 for the root
  std::vector<TreeVisit>
      visits;  ///< but the root, children before parents, each subtree in one piece
  std::vector<std::int32_t> visit_of;  ///< (vertices) place in `visits`, -1 for the root
  std::int32_t root = 0;
  std::int32_t depth = 0;  ///< hops from the root to the farthest vertex

  std::int32_t vertices() const { return static_cast<std::int32_t>(parent.size()); }
};

/// A double binary tree's half: over clusters, in each a chain or star whose head is the cluster's
/// node; hops of a star share no ports.
/// begins: first vertex of each cluster, then their number; vertices are clusters' members in
/// order.
Tree make_cluster_tree(const std::vector<std::int32_t>& begins, bool second, TreeStyle style);

}  // namespace lockstep
