#include "topologies/algorithms/tree/double_binary_tree.hpp"

namespace lockstep {
namespace {

std::int32_t first_tree_parent(std::int32_t node, std::int32_t nodes) {
  if (node == 0) return -1;
  const std::int32_t bit = node & -node;
  const std::int32_t up = (node ^ bit) | (bit << 1);
  return up < nodes ? up : node ^ bit;
}

}  // namespace

std::vector<std::int32_t> binary_tree_parents(std::int32_t nodes, bool second) {
  std::vector<std::int32_t> parents(static_cast<std::size_t>(nodes));
  for (std::int32_t node = 0; node < nodes; ++node) {
    std::int32_t parent;
    if (!second) {
      parent = first_tree_parent(node, nodes);
    } else if (nodes % 2 == 0) {
      parent = first_tree_parent(nodes - 1 - node, nodes);
      if (parent >= 0) parent = nodes - 1 - parent;
    } else {
      parent = first_tree_parent((node + nodes - 1) % nodes, nodes);
      if (parent >= 0) parent = (parent + 1) % nodes;
    }
    parents[static_cast<std::size_t>(node)] = parent;
  }
  return parents;
}

}  // namespace lockstep
