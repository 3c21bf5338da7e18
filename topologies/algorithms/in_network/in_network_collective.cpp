#include "topologies/algorithms/in_network/in_network_collective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>

#include "topologies/algorithms/noise_free_time.hpp"
#include "topologies/wiring/chunks.hpp"
#include "topologies/wiring/nccl/hop_use.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

// Of an exchange inside a domain, and for each peer more (CollNetDirect) [s].
constexpr double exchange_latency = 3.7e-6, exchange_arity = 0.4e-6;

}  // namespace

InNetworkCollective::InNetworkCollective(const CollectiveRequest& request)
    : ranks_(request.layout.replicas),
      operation_(request.operation, ranks_),
      bytes_(request.bytes),
      uniform_(request.fabric.uniform()) {
  const Fabric& fabric = request.fabric;
  if (!uniform_ && ranks_ > 1)
    base_latency_ = nccl_start_up(NcclAlgorithm::tree, NcclProtocol::simple);
  tier_latency_ = {0, request.values.real("topology.switch_latency"), fabric.spine_latency / 2,
                   std::max(0.0, fabric.core_latency - fabric.spine_latency) / 2};
  if (uniform_) tier_latency_.fill(*fabric.hop_latency);
  const LeafSwitches leaves = leaf_switches(request.layout, fabric);
  for (std::int64_t group = 0; group < request.layout.groups(); ++group) {
    InNetworkGroup& kept = groups_.emplace_back();
    kept.grid = rail_layout(request.layout, group);
    kept.forest = switch_forest(request, leaves, group, kept.grid);
  }
  keep_hops(request);
  choose_chunks(request);
  set_scalar_time(request, leaves);
}

std::int64_t InNetworkCollective::messages_per_group() const {
  std::int64_t most = 0;
  for (const InNetworkGroup& group : groups_) most = std::max(most, numbering(group).messages());
  return most;
}

double InNetworkCollective::cost_per_step(const Noise& noise) const {
  // As measured on one core: of a vertex and a chunk that is followed.
  constexpr double visit = 60;
  double cost = 0;
  for (const InNetworkGroup& group : groups_) {
    const auto messages = static_cast<double>(numbering(group).messages());
    const double followed = noise.hop_jitter.is_none() ? 2 + 2 * noise.spike_probability * messages
                                                       : static_cast<double>(chunks_);
    cost += visit * group.forest.vertices() * std::min(followed, static_cast<double>(chunks_));
    if (!noise.hop_jitter.is_none()) cost += jittered_message_cost * messages;
  }
  return cost;
}

std::string InNetworkCollective::choice() const {
  std::vector<std::int64_t> rails;
  std::int32_t depth = 0;
  for (const InNetworkGroup& group : groups_) {
    rails.push_back(group.grid.rails);
    depth = std::max(depth, group.forest.depth());
  }
  return fmt::format("{}, {} chunk{}, {} tier{} of switches", count_text(rails, "rail"), chunks_,
                     chunks_ == 1 ? "" : "s", depth, depth == 1 ? "" : "s");
}

InNetworkNumbering InNetworkCollective::numbering(const InNetworkGroup& group) const {
  const std::int64_t vertices = group.forest.vertices();
  return {{group.grid, operation_, chunks_, 2 * vertices}, vertices};
}

double InNetworkCollective::piece_bytes(const InNetworkGroup& group) const {
  return chunk_on_link(operation_.inside(group.grid, bytes_), chunks_);
}

double InNetworkCollective::exchanged_bytes(const InNetworkGroup& group) const {
  return group.exchanged * piece_bytes(group);
}

double InNetworkCollective::reduce_inside(const CollectiveRequest& request, std::int64_t group) {
  InNetworkGroup& kept = groups_[static_cast<std::size_t>(group)];
  const auto ranks = static_cast<double>(kept.grid.rails);
  if (!operation_.scatters || !operation_.gathers || kept.grid.folds || kept.grid.rails < 3)
    return 0;
  const NcclChannels channels = nvls_channels(request, group);
  const double rate = (ranks + 1) / ranks * static_cast<double>(channels.count) *
                      nccl_nvls_rate(nccl_group(request, group), channels);
  const double exchanged = (ranks + 1) / (2 * (ranks - 1));
  if (!(exchanged * nccl_links(request, group).inside < rate)) return 0;
  kept.exchanged = exchanged;
  return rate;
}

double InNetworkCollective::hop_bytes(const InNetworkGroup& group, double piece, std::size_t vertex,
                                      bool up) const {
  const double below = static_cast<double>(group.forest.below[vertex]),
               part = piece * below / static_cast<double>(group.grid.clusters);
  if (up) return operation_.scatters ? piece : part;  // summed with others', or of all below
  if (!operation_.gathers) return part;               // to those who own it
  return operation_.scatters ? piece : piece - part;  // all, or what they do not have
}

double InNetworkCollective::inside_latency(const InNetworkGroup& group) const {
  return uniform_ ? latency(Tier::leaf)
                  : exchange_latency + exchange_arity * static_cast<double>(group.grid.rails - 1);
}

InNetworkHops InNetworkCollective::hops(std::int64_t group, const LinkState& links, bool up) const {
  const InNetworkGroup& kept = groups_[static_cast<std::size_t>(group)];
  const SwitchForest& forest = kept.forest;
  const double piece = piece_bytes(kept);
  InNetworkHops hops{kept.rate, kept.latency};
  for (std::size_t v = 0; v < hops.gap.size(); ++v) hops.gap[v] *= hop_bytes(kept, piece, v, up);
  // A hop between a rank and a switch has one NIC, a hop between switches none.
  const LinkState switches{.tier = links.tier};
  const std::size_t members = kept.grid.member.size();
  const bool healthy = links.link.empty() && links.tier.empty();
  for (std::size_t v = 0; !healthy && v < hops.gap.size(); ++v) {
    const std::int64_t rank = v < members ? kept.grid.member[v] : 0;
    const auto chip = static_cast<std::size_t>(group * ranks_ + rank);
    hops.gap[v] *= (v < members ? links : switches).hop_factor(forest.tier[v], chip, chip);
  }
  for (std::size_t v = 0; v < hops.gap.size(); ++v) hops.latency[v] += hops.gap[v];
  return hops;
}

void InNetworkCollective::keep_hops(const CollectiveRequest& request) {
  const Fabric& fabric = request.fabric;
  const Layout& layout = request.layout;
  // Rails that cross the uplinks of each leaf and of each pod.
  std::map<std::pair<Tier, std::int64_t>, double> crossing;
  const auto crosses = [&](const SwitchForest& forest, std::size_t v) {
    return forest.tier[v] != Tier::leaf && forest.parent[v] >= 0;
  };
  for (const InNetworkGroup& group : groups_)
    for (std::size_t v = 0; v < group.forest.parent.size(); ++v)
      if (crosses(group.forest, v)) ++crossing[{group.forest.tier[v], group.forest.uplink[v]}];
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    InNetworkGroup& group = groups_[g];
    const SwitchForest& forest = group.forest;
    for (std::size_t v = 0; v < forest.parent.size(); ++v) {
      double bandwidth = forest.port_bandwidth[v];
      if (crosses(forest, v)) {
        const bool leaf = forest.tier[v] == Tier::spine;
        bandwidth *= std::min(1.0, (leaf ? fabric.leaf_chips / fabric.spine_oversubscription
                                         : fabric.pod_chips / fabric.core_oversubscription) /
                                       crossing.at({forest.tier[v], forest.uplink[v]}));
      }
      group.latency.push_back(latency(forest.tier[v]));
      group.rate.push_back(1 / (uniform_ ? *fabric.hop_bandwidth : bandwidth));
    }
    const RailLayout& grid = group.grid;
    std::vector<double> slowest(static_cast<std::size_t>(grid.clusters),
                                std::numeric_limits<double>::max());
    for (std::int64_t p = 0; p < grid.places(); ++p)
      for (const auto* ranks : {&grid.member, &grid.folded})
        if (const std::int32_t rank = (*ranks)[static_cast<std::size_t>(p)]; rank >= 0) {
          double& port = slowest[static_cast<std::size_t>(p % grid.clusters)];
          const auto chip = static_cast<std::size_t>(layout.at(static_cast<std::int64_t>(g), rank));
          port = std::min(
              port, fabric.scale_up_rate(request.fleet.generations[layout.generation[chip]].chip));
        }
    const double inside = uniform_ ? 0 : reduce_inside(request, static_cast<std::int64_t>(g));
    for (double port : slowest)
      group.inside_rate.push_back(
          1 / (uniform_ ? *fabric.hop_bandwidth : (inside > 0 ? inside : port)));
  }
}

void InNetworkCollective::choose_chunks(const CollectiveRequest& request) {
  const std::vector<std::int64_t> open = open_chunks(request);
  chunks_ = open[fastest(open.size(), [&](std::size_t candidate) {
    chunks_ = open[candidate];
    return noise_free_time(*begin_trial({}), request.layout.groups(), ranks_);
  })];
}

void InNetworkCollective::set_scalar_time(const CollectiveRequest& request,
                                          const LeafSwitches& leaves) {
  const auto several = [](const std::vector<std::int32_t>& switches) {
    const auto [least, most] = std::ranges::minmax(switches);
    return least != most;
  };
  constexpr double scalar_bytes = 4;
  const double serialization = uniform_ ? scalar_bytes / *request.fabric.hop_bandwidth : 0;
  const auto hop = [&](Tier tier) { return 2 * (latency(tier) + serialization); };
  if (request.layout.chips() == 1) return;
  scalar_time_ =
      (uniform_ ? 0 : nccl_start_up(NcclAlgorithm::tree, NcclProtocol::ll)) + hop(Tier::leaf);
  if (several(leaves.leaf)) scalar_time_ += hop(Tier::spine);
  if (several(leaves.pod)) scalar_time_ += hop(Tier::core);
}

}  // namespace lockstep
