#include "topologies/algorithms/tree/tree_shape.hpp"

#include <algorithm>
#include <numeric>

#include "topologies/algorithms/tree/double_binary_tree.hpp"

namespace lockstep {
namespace {

std::size_t index(std::int32_t vertex) {
  return static_cast<std::size_t>(vertex);
}

/// The tree of these parents, each subtree visited in one piece, so that a pass over it keeps what
/// it knows of the way to the root alone. port: (vertices) of its own hop, a root's of another
/// tree's; hops share a port where these are equal; empty: none is shared.
Tree make_tree(std::vector<std::int32_t> parents, const std::vector<bool>& port) {
  Tree tree;
  tree.parent = std::move(parents);
  const std::int32_t vertices = tree.vertices();
  // Children of each vertex as a chain, the lowest first.
  std::vector<std::int32_t> child(index(vertices), -1), sibling(child);
  for (std::int32_t v = vertices - 1; v >= 0; --v) {
    const std::int32_t p = tree.parent[index(v)];
    if (p < 0) {
      tree.root = v;
    } else {
      sibling[index(v)] = child[index(p)];
      child[index(p)] = v;
    }
  }
  // The root first, each subtree in one piece; then all turned round.
  std::vector<TreeVisit> stack{{tree.root, 0, false}};
  while (!stack.empty()) {
    const TreeVisit at = stack.back();
    stack.pop_back();
    if (at.level > 0) tree.visits.push_back(at);
    tree.depth = std::max(tree.depth, at.level);
    for (std::int32_t v = child[index(at.vertex)]; v >= 0; v = sibling[index(v)])
      stack.push_back({v, at.level + 1, !port.empty() && port[index(v)] == port[index(at.vertex)]});
  }
  std::reverse(tree.visits.begin(), tree.visits.end());
  tree.visit_of.assign(index(vertices), -1);
  for (std::size_t i = 0; i < tree.visits.size(); ++i)
    tree.visit_of[index(tree.visits[i].vertex)] = static_cast<std::int32_t>(i);
  return tree;
}

}  // namespace

Tree make_cluster_tree(const std::vector<std::int32_t>& begins, bool second, TreeStyle style) {
  const auto clusters = static_cast<std::int32_t>(begins.size()) - 1;
  const std::vector<std::int32_t> node_parent = binary_tree_parents(clusters, second);
  std::vector<std::int32_t> parent(index(begins.back()));
  std::iota(parent.begin(), parent.end(), -1);
  std::vector<bool> network(parent.size(), false);
  for (std::int32_t cluster = 0; cluster < clusters; ++cluster) {
    const std::size_t head = index(begins[index(cluster)]);
    const std::int32_t up = node_parent[index(cluster)];
    parent[head] = up < 0 ? -1 : begins[index(up)];
    network[head] = true;
    if (style == TreeStyle::nvls)
      std::fill(parent.begin() + static_cast<std::ptrdiff_t>(head) + 1,
                parent.begin() + begins[index(cluster) + 1], begins[index(cluster)]);
  }
  if (style == TreeStyle::nvls) network.clear();
  return make_tree(std::move(parent), network);
}

}  // namespace lockstep
