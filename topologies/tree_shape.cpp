#include "topologies/tree_shape.hpp"

#include <algorithm>
#include <numeric>

#include "topologies/double_binary_tree.hpp"

namespace lockstep {

Tree make_tree(const DomainClusters& clusters, std::int64_t channel, bool second) {
  const auto ranks = clusters.members.size();
  const std::vector<std::int32_t> node_parent = binary_tree_parents(clusters.count(), second);
  const auto member = [&](std::int32_t cluster, std::int32_t place) {
    return clusters.member(cluster, place + channel);
  };

  Tree tree;
  tree.parent.assign(ranks, -1);
  for (std::int32_t cluster = 0; cluster < clusters.count(); ++cluster) {
    for (std::int32_t place = 1; place < clusters.size(cluster); ++place)
      tree.parent[static_cast<std::size_t>(member(cluster, place))] = member(cluster, place - 1);
    const std::int32_t head = member(cluster, 0);
    const std::int32_t parent = node_parent[static_cast<std::size_t>(cluster)];
    if (parent >= 0)
      tree.parent[static_cast<std::size_t>(head)] = member(parent, 0);
    else
      tree.root = head;
  }

  std::vector<std::int32_t> level(ranks, -1);
  level[static_cast<std::size_t>(tree.root)] = 0;
  std::vector<std::int32_t> path;
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    auto at = static_cast<std::int32_t>(rank);
    for (; level[static_cast<std::size_t>(at)] < 0; at = tree.parent[static_cast<std::size_t>(at)])
      path.push_back(at);
    for (std::int32_t l = level[static_cast<std::size_t>(at)]; !path.empty(); path.pop_back())
      level[static_cast<std::size_t>(path.back())] = ++l;
    tree.depth = std::max(tree.depth, level[rank]);
  }
  tree.order.resize(ranks);
  std::iota(tree.order.begin(), tree.order.end(), 0);
  std::stable_sort(tree.order.begin(), tree.order.end(), [&](std::int32_t a, std::int32_t b) {
    return level[static_cast<std::size_t>(a)] > level[static_cast<std::size_t>(b)];
  });
  tree.order.pop_back();  // the root
  return tree;
}

}  // namespace lockstep
