#include "topologies/algorithms/tree/switch_tree.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

namespace lockstep {
namespace {

/// Joins `below` under one switch for each number that `number_of` gives, in order of their first;
/// returns the new switches.
template <class NumberOf>
std::vector<std::int32_t> join(SwitchTree& switches, const std::vector<std::int32_t>& below,
                               Tier tier, const NumberOf& number_of) {
  std::map<std::int64_t, std::int32_t> known;
  std::vector<std::int32_t> joined;
  for (std::int32_t vertex : below) {
    const std::int64_t number = number_of(vertex);
    const auto [at, is_new] = known.try_emplace(number, switches.vertices());
    if (is_new) {
      joined.push_back(at->second);
      switches.tree.parent.push_back(-1);
      switches.tier.push_back(tier);
      switches.uplink.push_back(number);
      switches.port_bandwidth.push_back(std::numeric_limits<double>::max());
    }
    const auto child = static_cast<std::size_t>(vertex),
               parent = static_cast<std::size_t>(at->second);
    switches.tree.parent[child] = at->second;
    switches.port_bandwidth[parent] =
        std::min(switches.port_bandwidth[parent], switches.port_bandwidth[child]);
  }
  return joined;
}

}  // namespace

SwitchTree switch_tree(const CollectiveRequest& request, std::int64_t group) {
  const Layout& layout = request.layout;
  const auto ranks = static_cast<std::size_t>(layout.replicas);
  SwitchTree switches;
  switches.tree.parent.assign(ranks, -1);
  switches.tier.assign(ranks, Tier::leaf);
  switches.uplink.assign(ranks, 0);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    const auto chip = static_cast<std::size_t>(layout.at(group, static_cast<std::int64_t>(rank)));
    switches.port_bandwidth.push_back(
        request.fleet.generations[layout.generation[chip]].chip.injection_bandwidth);
  }
  std::vector<std::int32_t> level(ranks);
  std::iota(level.begin(), level.end(), 0);
  if (ranks > 1) {
    level = join(switches, level, Tier::spine, [&](std::int32_t rank) {
      const auto slot = layout.slot[static_cast<std::size_t>(layout.at(group, rank))];
      return static_cast<std::int64_t>(static_cast<double>(slot) / request.fabric.leaf_chips);
    });
    if (level.size() > 1)
      level = join(switches, level, Tier::core, [&](std::int32_t leaf) {
        const auto first = static_cast<double>(switches.uplink[static_cast<std::size_t>(leaf)]) *
                           request.fabric.leaf_chips;
        return static_cast<std::int64_t>(first / request.fabric.pod_chips);
      });
    if (level.size() > 1) level = join(switches, level, Tier::core, [](std::int32_t) { return 0; });
  }
  switches.tree = make_tree(std::move(switches.tree.parent), {});
  return switches;
}

}  // namespace lockstep
