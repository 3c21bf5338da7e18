#include "topologies/wiring/switched_fabric.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "engine/machine/leaf_switches.hpp"
#include "topologies/wiring/nccl/tuning_model.hpp"

namespace lockstep {

Hop hop_on(const Wire& wire, const PortUse& use) {
  const double ports = wire.tier == Tier::scale_up ? use.scale_up_latency : use.network_latency;
  return {ports + wire.latency, std::min(use.bandwidth_factor * wire.bandwidth, use.most),
          wire.tier};
}

LoadedFabric::LoadedFabric(const CollectiveRequest& request) : fabric_(request.fabric) {
  const Layout& layout = request.layout;
  const LeafSwitches switches = leaf_switches(layout, fabric_);
  ends_.reserve(layout.slot.size());
  for (std::size_t i = 0; i < layout.slot.size(); ++i) {
    const Chip& chip = request.fleet.generations[layout.generation[i]].chip;
    ends_.push_back({switches.leaf[i], switches.pod[i], layout.domain[i],
                     fabric_.scale_up_rate(chip), fabric_.network_rate(chip)});
  }
  leaf_.chips = fabric_.leaf_chips;
  leaf_.up.resize(switches.pod_of_leaf.size());
  leaf_.down = leaf_.up;
  pod_.chips = fabric_.pod_chips;
  pod_.up.resize(static_cast<std::size_t>(std::ranges::max(switches.pod)) + 1);
  pod_.down = pod_.up;
}

void LoadedFabric::add(const Flow& flow, double share) {
  const End &from = end(flow.source), &to = end(flow.destination);
  if (fabric_.uniform() || from.domain == to.domain) return;
  if (from.leaf != to.leaf) leaf_.add(from.leaf, to.leaf, share);
  if (from.pod != to.pod) pod_.add(from.pod, to.pod, share);
}

Wire LoadedFabric::wire(const Flow& flow) const {
  if (fabric_.uniform()) return {*fabric_.hop_latency, *fabric_.hop_bandwidth / flow.sharing};
  const End &from = end(flow.source), &to = end(flow.destination);
  if (from.domain == to.domain)
    return {0, std::min(from.scale_up, to.scale_up) / flow.sharing, Tier::scale_up};
  const double nic = std::min(from.injection, to.injection);
  Wire wire{0, nic / flow.sharing, Tier::leaf};
  if (from.leaf != to.leaf) {
    wire.bandwidth = std::min(wire.bandwidth,
                              leaf_.share(from.leaf, to.leaf, nic, fabric_.spine_oversubscription));
    wire.latency = fabric_.spine_latency;
    wire.tier = Tier::spine;
  }
  if (from.pod != to.pod) {
    wire.bandwidth =
        std::min(wire.bandwidth, pod_.share(from.pod, to.pod, nic, fabric_.core_oversubscription));
    wire.latency = fabric_.core_latency;
    wire.tier = Tier::core;
  }
  return wire;
}

std::vector<Hop> route(const CollectiveRequest& request, const PortUse& use,
                       std::span<const Flow> flows) {
  return route(request, std::span(&use, 1), flows);
}

std::vector<Hop> route(const CollectiveRequest& request, std::span<const PortUse> uses,
                       std::span<const Flow> flows) {
  LoadedFabric fabric(request);
  for (const Flow& flow : flows) fabric.add(flow);
  std::vector<Hop> hops;
  hops.reserve(flows.size());
  for (const Flow& flow : flows) hops.push_back(fabric.hop(uses[flow.use], flow));
  return hops;
}

namespace {

struct WireHash {
  std::size_t operator()(const Wire& wire) const {
    const auto bits = std::bit_cast<std::uint64_t>(wire.bandwidth) ^
                      std::rotl(std::bit_cast<std::uint64_t>(wire.latency), 1) ^
                      static_cast<std::uint64_t>(wire.tier);
    return static_cast<std::size_t>(bits * 0x9e3779b97f4a7c15u >> 20);
  }
};

}  // namespace

FlowWires wires_of(const CollectiveRequest& request, const FlowList& flows,
                   const FlowList& beside) {
  const Layout& layout = request.layout;
  const auto at = [](std::int32_t chip) { return static_cast<std::size_t>(chip); };
  const auto on_network = [&](const Flow& flow) {
    return request.fabric.uniform() ||
           layout.domain[at(flow.source)] != layout.domain[at(flow.destination)];
  };
  LoadedFabric fabric(request);
  std::vector<std::int32_t> out(static_cast<std::size_t>(layout.chips())), in(out);
  std::size_t count = 0;
  const auto add = [&](const Flow& flow) {
    fabric.add(flow);
    ++count;
    if (!on_network(flow)) return;
    ++out[at(flow.source)];
    ++in[at(flow.destination)];
  };
  beside(add);
  count = 0;
  flows(add);
  FlowWires wires;
  wires.kind.reserve(count);
  std::unordered_map<Wire, std::int32_t, WireHash> known;
  std::int32_t last = -1;  // kind of the flow before, as often as not that of the next
  flows([&](Flow flow) {
    if (on_network(flow)) flow.sharing = std::max(out[at(flow.source)], in[at(flow.destination)]);
    const Wire wire = fabric.wire(flow);
    if (last < 0 || wire != wires.kinds[at(last)]) {
      const auto [place, is_new] =
          known.try_emplace(wire, static_cast<std::int32_t>(wires.kinds.size()));
      if (is_new) wires.kinds.push_back(wire);
      last = place->second;
    }
    wires.kind.push_back(last);
  });
  return wires;
}

DomainClusters domain_clusters(const Layout& layout, std::int64_t group) {
  const std::span<const std::int32_t> domains(
      layout.domain.data() + static_cast<std::size_t>(layout.at(group, 0)),
      static_cast<std::size_t>(layout.replicas));
  std::vector<std::int32_t> cluster_of(
      static_cast<std::size_t>(*std::max_element(domains.begin(), domains.end())) + 1, -1);
  std::vector<std::int32_t> sizes;
  for (std::int32_t domain : domains) {
    std::int32_t& cluster = cluster_of[static_cast<std::size_t>(domain)];
    if (cluster < 0) {
      cluster = static_cast<std::int32_t>(sizes.size());
      sizes.push_back(0);
    }
    ++sizes[static_cast<std::size_t>(cluster)];
  }
  DomainClusters clusters;
  clusters.begins.assign(1, 0);
  for (std::int32_t size : sizes) clusters.begins.push_back(clusters.begins.back() + size);
  clusters.members.resize(domains.size());
  std::vector<std::int32_t> next = clusters.begins;
  for (std::size_t rank = 0; rank < domains.size(); ++rank) {
    const auto cluster =
        static_cast<std::size_t>(cluster_of[static_cast<std::size_t>(domains[rank])]);
    clusters.members[static_cast<std::size_t>(next[cluster]++)] = static_cast<std::int32_t>(rank);
  }
  return clusters;
}

std::int64_t smallest_cluster(const Layout& layout, std::int64_t group) {
  const DomainClusters clusters = domain_clusters(layout, group);
  std::int64_t smallest = layout.replicas;
  for (std::int32_t c = 0; c < clusters.count(); ++c)
    smallest = std::min<std::int64_t>(smallest, clusters.size(c));
  return smallest;
}

std::vector<std::int64_t> resolve_channels(const CollectiveRequest& request) {
  const auto given = request.values.optional_count("topology.channels");
  const auto groups = static_cast<std::size_t>(request.layout.groups());
  if (given || request.fabric.uniform())
    return std::vector<std::int64_t>(groups, given.value_or(1));
  std::vector<std::int64_t> channels;
  for (std::int64_t group = 0; group < request.layout.groups(); ++group)
    channels.push_back(std::min(nccl_most_ring_channels, smallest_cluster(request.layout, group)));
  return channels;
}

std::string count_text(std::span<const std::int64_t> counts, std::string_view noun) {
  const auto [least, most] = std::ranges::minmax(counts);
  return least == most ? fmt::format("{} {}{}", most, noun, most == 1 ? "" : "s")
                       : fmt::format("{} to {} {}s", least, most, noun);
}

std::span<const NcclProtocol> open_protocols(const Fabric& fabric) {
  const std::span<const NcclProtocol> all = nccl_protocols;
  if (fabric.uniform()) return all.first(1);
  for (std::size_t p = 0; p < all.size(); ++p)
    if (fabric.protocol == name_of(all[p])) return all.subspan(p, 1);
  return all;
}

double scalar_tree_time(const CollectiveRequest& request) {
  const Fabric& fabric = request.fabric;
  const auto chips = static_cast<double>(request.layout.chips());
  double node = 1;  // a uniform fabric knows no nodes: its tree is over chips
  if (!fabric.uniform())
    for (const auto& generation : request.fleet.generations)
      node = std::max(node, std::min(generation.chip.scale_up_domain, chips));
  double levels = 0;
  for (double reached = node; reached < chips; reached *= 2) ++levels;
  if (fabric.uniform()) {
    constexpr double bytes = 4;
    return 2 * levels * (*fabric.hop_latency + bytes / *fabric.hop_bandwidth);
  }
  if (chips == 1) return 0;
  constexpr NcclAlgorithm tree = NcclAlgorithm::tree;
  const NcclHops hops = nccl_hops({}, tree, NcclProtocol::ll);
  return nccl_start_up(tree, NcclProtocol::ll) +
         2 * ((node - 1) * hops.inside + levels * hops.network);
}

const Parameter& channels_parameter() {
  static const Parameter row{
      .key = "topology.channels",
      .number = 81,
      .type = ValueType::count,
      .default_text = "auto",
      .minimum = 1,
      .maximum = 64,
      .words = {"auto"},
      .shapes_arrays = true,
      .summary =
          "rotated rings or double trees, each with bytes / channels; auto: one a NIC, as many as "
          "its group's ranks in any scale-up domain, at most 32",
      .source =
          "NCCL builds one channel a NIC at least, 32 at most (NCCL 2.30, src/graph, "
          "src/init.cc)"};
  return row;
}

const Parameter& chunks_parameter() {
  static const Parameter row{
      .key = "topology.chunks",
      .number = 83,
      .type = ValueType::count,
      .default_text = "auto",
      .minimum = 1,
      .maximum = 65536,
      .words = {"auto"},
      .shapes_arrays = true,
      .summary =
          "pipelined chunks of the buffer (tree: of each tree's half); auto: the power of "
          "two up to 256 of least noise-free time; a chunk takes 128 B of a link at least",
      .source = "of the pipelined times (Sanders, Speck, Traeff, 2009)"};
  return row;
}

std::vector<std::int64_t> open_chunks(const CollectiveRequest& request) {
  if (const auto given = request.values.optional_count("topology.chunks")) return {*given};
  std::vector<std::int64_t> chunks;
  for (std::int64_t c = 1; c <= 256; c *= 2) chunks.push_back(c);
  return chunks;
}

}  // namespace lockstep
