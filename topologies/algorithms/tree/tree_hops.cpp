#include "topologies/algorithms/tree/tree_hops.hpp"

#include <algorithm>
#include <map>

namespace lockstep {

LaneRun make_lane_run(std::vector<LaneRun::Lane> lanes, std::int64_t ranks) {
  LaneRun run;
  run.chip.resize(static_cast<std::size_t>(ranks) * tree_lanes);
  run.vertex.resize(static_cast<std::size_t>(ranks) * lanes.size());
  run.lanes = std::move(lanes);
  return run;
}

TreeHops::TreeHops(std::span<const std::int32_t> wire, std::size_t used_lanes,
                   std::span<const Wire> kinds) {
  std::map<std::array<std::int32_t, tree_lanes>, std::int32_t> known;
  kind_.reserve(wire.size() / used_lanes);
  for (; !wire.empty(); wire = wire.subspan(used_lanes)) {
    std::array<std::int32_t, tree_lanes> key;
    for (std::size_t lane = 0; lane < key.size(); ++lane)
      key[lane] = wire[std::min(lane, used_lanes - 1)];
    const auto [at, is_new] = known.try_emplace(key, static_cast<std::int32_t>(kinds_.size()));
    if (is_new)
      std::ranges::transform(key, kinds_.emplace_back().begin(), [&](std::int32_t which) {
        return kinds[static_cast<std::size_t>(which)];
      });
    kind_.push_back(at->second);
  }
}

TreeHops::Costs TreeHops::under(const LinkState& links, const Tree& tree, const LaneRun& run,
                                std::span<const PortUse> uses, double chunk_bytes) const {
  const LinkState switches{.tier = links.tier};
  // factor(tier, lane) on serialization.
  const auto cost_of = [&](const Kind& kind, const auto& factor) {
    HopCost cost;
    for (std::size_t lane = 0; lane < kind.size(); ++lane) {
      const std::int64_t group = run.lanes[std::min(lane, run.used() - 1)].group;
      const Hop hop = hop_on(kind[lane], uses[static_cast<std::size_t>(group)]);
      cost.gap.lane[lane] = chunk_bytes / hop.bandwidth * factor(hop.tier, lane);
      cost.latency.lane[lane] = hop.latency + cost.gap.lane[lane];
    }
    return cost;
  };
  Costs result{kind_, {}};
  for (const Kind& kind : kinds_)
    result.costs.push_back(
        cost_of(kind, [&](Tier tier, std::size_t) { return switches.hop_factor(tier, 0, 0); }));
  if (links.link.empty()) return result;

  std::vector<char> slow(tree.parent.size());
  for (std::int32_t vertex = 0; vertex < run.ranks(); ++vertex)
    slow[static_cast<std::size_t>(vertex)] = std::any_of(
        run.chips_at(vertex), run.chips_at(vertex) + tree_lanes,
        [&](std::int32_t chip) { return links.link[static_cast<std::size_t>(chip)] != 1; });
  for (std::size_t i = 0; i < tree.visits.size(); ++i) {
    const std::int32_t v = tree.visits[i].vertex, p = tree.parent[static_cast<std::size_t>(v)];
    if (!slow[static_cast<std::size_t>(v)] && !slow[static_cast<std::size_t>(p)]) continue;
    const std::int32_t* lower = run.chips_at(v);
    const std::int32_t* upper = run.chips_at(p);
    const auto kind = static_cast<std::size_t>(kind_[i]);
    result.hop[i] = static_cast<std::int32_t>(result.costs.size());
    result.costs.push_back(cost_of(kinds_[kind], [&](Tier tier, std::size_t lane) {
      return links.hop_factor(tier, static_cast<std::size_t>(lower[lane]),
                              static_cast<std::size_t>(upper[lane]));
    }));
  }
  return result;
}

}  // namespace lockstep
