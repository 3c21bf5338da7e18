#include "topologies/algorithms/in_network/switch_forest.hpp"

#include <algorithm>
#include <limits>
#include <map>

#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

constexpr double streaming_share = 0.95;  // of a port's rate, see switch_reduce.hpp

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// Builds a forest level by level.
class Builder {
 public:
  explicit Builder(const RailLayout& grid) : top_(index(grid.rails), 0) {
    for (std::int64_t p = 0; p < grid.places(); ++p) rail_.push_back(p / grid.clusters);
    std::fill(top_.begin(), top_.end(), grid.clusters);
    forest.levels.push_back(0);
  }

  void add(Tier tier, std::int64_t uplink, double bandwidth, std::int32_t below) {
    forest.parent.push_back(-1);
    forest.tier.push_back(tier);
    forest.uplink.push_back(uplink);
    forest.port_bandwidth.push_back(bandwidth);
    forest.below.push_back(below);
  }

  /// Joins the highest vertices of each rail that has several under one switch for each number that
  /// `number_of` gives, in order of their first.
  template <class NumberOf>
  void join(Tier tier, const NumberOf& number_of) {
    const std::int32_t first = forest.levels.back(), last = forest.vertices();
    forest.levels.push_back(last);
    std::map<std::pair<std::int64_t, std::int64_t>, std::int32_t> known;
    std::vector<std::int64_t> joined(top_.size(), 0);
    for (std::int32_t vertex = first; vertex < last; ++vertex) {
      const std::int64_t rail = rail_[index(vertex)];
      if (top_[index(rail)] == 1) continue;
      const std::int64_t number = number_of(vertex);
      const auto [at, is_new] = known.try_emplace({rail, number}, forest.vertices());
      const std::int32_t parent = at->second;
      if (is_new) {
        add(tier, number, std::numeric_limits<double>::max(), 0);
        rail_.push_back(rail);
        ++joined[index(rail)];
      }
      forest.parent[index(vertex)] = parent;
      forest.below[index(parent)] += forest.below[index(vertex)];
      forest.port_bandwidth[index(parent)] =
          std::min(forest.port_bandwidth[index(parent)], forest.port_bandwidth[index(vertex)]);
    }
    if (forest.vertices() == last) forest.levels.pop_back();
    for (std::size_t rail = 0; rail < top_.size(); ++rail)
      if (joined[rail] > 0) top_[rail] = joined[rail];
  }

  SwitchForest forest;

 private:
  std::vector<std::int64_t> top_;   // vertices of each rail on its highest level
  std::vector<std::int64_t> rail_;  // (vertices)
};

}  // namespace

SwitchForest switch_forest(const CollectiveRequest& request, const LeafSwitches& leaves,
                           std::int64_t group, const RailLayout& grid) {
  const Layout& layout = request.layout;
  Builder builder(grid);
  std::vector<std::int32_t> leaf;  // (places)
  for (std::int32_t rank : grid.member) {
    const auto chip = static_cast<std::size_t>(layout.at(group, rank));
    leaf.push_back(leaves.leaf[chip]);
    const Chip& own = request.fleet.generations[layout.generation[chip]].chip;
    builder.add(
        Tier::leaf, 0,
        std::min(streaming_share * own.injection_bandwidth, request.fabric.network_rate(own)), 1);
  }
  builder.join(Tier::spine, [&](std::int32_t place) { return leaf[index(place)]; });
  builder.join(Tier::core, [&](std::int32_t vertex) {
    return leaves.pod_of_leaf[index(builder.forest.uplink[index(vertex)])];
  });
  builder.join(Tier::core, [](std::int32_t) { return 0; });
  builder.forest.levels.push_back(builder.forest.vertices());
  return std::move(builder.forest);
}

}  // namespace lockstep
