#include "topologies/wiring/switched_fabric.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace lockstep {
namespace {

/// Flows that leave and enter each switch of one layer.
class UplinkLoad {
 public:
  UplinkLoad(double chips_per_switch, std::int32_t last_slot)
      : chips_(chips_per_switch), up_(switch_of(last_slot) + 1), down_(up_.size()) {}
  std::size_t switch_of(std::int32_t slot) const {
    return static_cast<std::size_t>(static_cast<double>(slot) / chips_);
  }
  bool crosses(std::int32_t a, std::int32_t b) const { return switch_of(a) != switch_of(b); }
  void add(std::int32_t source, std::int32_t destination) {
    ++up_[switch_of(source)];
    ++down_[switch_of(destination)];
  }
  /// Bandwidth each flow gets where both its ends' uplinks are shared evenly.
  double share(std::int32_t source, std::int32_t destination, double injection,
               double oversubscription) const {
    const auto busiest = std::max(up_[switch_of(source)], down_[switch_of(destination)]);
    return chips_ * injection / oversubscription / static_cast<double>(busiest);
  }

 private:
  double chips_;
  std::vector<std::int64_t> up_, down_;
};

}  // namespace

void share_nics(const CollectiveRequest& request, std::span<Flow> flows) {
  const Layout& layout = request.layout;
  const auto at = [](std::int32_t chip) { return static_cast<std::size_t>(chip); };
  const auto on_network = [&](const Flow& flow) {
    return request.fabric.uniform() ||
           layout.domain[at(flow.source)] != layout.domain[at(flow.destination)];
  };
  std::vector<std::int32_t> out(at(static_cast<std::int32_t>(layout.chips()))), in(out);
  for (const Flow& flow : flows) {
    if (!on_network(flow)) continue;
    ++out[at(flow.source)];
    ++in[at(flow.destination)];
  }
  for (Flow& flow : flows)
    if (on_network(flow)) flow.sharing = std::max(out[at(flow.source)], in[at(flow.destination)]);
}

std::vector<Hop> route(const CollectiveRequest& request, const PortUse& use,
                       std::span<const Flow> flows) {
  const Layout& layout = request.layout;
  const Fabric& fabric = request.fabric;
  std::vector<Hop> hops;
  hops.reserve(flows.size());
  if (fabric.uniform()) {
    for (const Flow& flow : flows)
      hops.push_back({*fabric.hop_latency, *fabric.hop_bandwidth / flow.sharing, Tier::leaf});
    return hops;
  }

  const auto slot = [&](std::int32_t chip) { return layout.slot[static_cast<std::size_t>(chip)]; };
  const auto domain = [&](std::int32_t c) { return layout.domain[static_cast<std::size_t>(c)]; };
  const auto chip_of = [&](std::int32_t c) -> const Chip& {
    return request.fleet.generations[layout.generation[static_cast<std::size_t>(c)]].chip;
  };
  const std::int32_t last_slot = *std::max_element(layout.slot.begin(), layout.slot.end());
  UplinkLoad leaf(fabric.leaf_chips, last_slot), pod(fabric.pod_chips, last_slot);
  for (const Flow& flow : flows) {
    if (domain(flow.source) == domain(flow.destination)) continue;
    const auto a = slot(flow.source), b = slot(flow.destination);
    if (leaf.crosses(a, b)) leaf.add(a, b);
    if (pod.crosses(a, b)) pod.add(a, b);
  }
  for (const Flow& flow : flows) {
    const Chip& source = chip_of(flow.source);
    const Chip& destination = chip_of(flow.destination);
    if (domain(flow.source) == domain(flow.destination)) {
      const double port = std::min(source.scale_up_bandwidth, destination.scale_up_bandwidth);
      hops.push_back(
          {use.scale_up_latency, use.bandwidth_factor * port / flow.sharing, Tier::scale_up});
      continue;
    }
    const auto a = slot(flow.source), b = slot(flow.destination);
    const double nic = std::min(source.injection_bandwidth, destination.injection_bandwidth);
    double latency = use.network_latency;
    double bandwidth = nic / flow.sharing;
    Tier tier = Tier::leaf;
    if (leaf.crosses(a, b))
      bandwidth = std::min(bandwidth, leaf.share(a, b, nic, fabric.spine_oversubscription));
    if (pod.crosses(a, b)) {
      bandwidth = std::min(bandwidth, pod.share(a, b, nic, fabric.core_oversubscription));
      latency += fabric.core_latency;
      tier = Tier::core;
    } else if (leaf.crosses(a, b)) {
      latency += fabric.spine_latency;
      tier = Tier::spine;
    }
    hops.push_back({latency, use.bandwidth_factor * bandwidth, tier});
  }
  return hops;
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
  std::int64_t nics = std::numeric_limits<std::int64_t>::max();
  for (const auto& generation : request.fleet.generations)
    nics = std::min(nics, static_cast<std::int64_t>(generation.chip.node));
  std::vector<std::int64_t> channels;
  for (std::int64_t group = 0; group < request.layout.groups(); ++group)
    channels.push_back(std::min(nics, smallest_cluster(request.layout, group)));
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
    if (fabric.protocol == all[p].name) return all.subspan(p, 1);
  return all;
}

double scalar_tree_time(const CollectiveRequest& request) {
  const Fabric& fabric = request.fabric;
  const auto chips = static_cast<double>(request.layout.chips());
  double node = 1;  // a uniform fabric knows no nodes: its tree is over chips
  if (!fabric.uniform())
    for (const auto& generation : request.fleet.generations)
      node = std::max(node, std::min(generation.chip.node, chips));
  double levels = 0;
  for (double reached = node; reached < chips; reached *= 2) ++levels;
  if (fabric.uniform()) {
    constexpr double bytes = 4;
    return 2 * levels * (*fabric.hop_latency + bytes / *fabric.hop_bandwidth);
  }
  const NcclProtocol& protocol = nccl_protocols.front();
  return (chips > 1 ? protocol.tree_base : 0) +
         2 * ((node - 1) * protocol.tree_scale_up + levels * protocol.tree_network);
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
          "rotated rings or double trees, each with bytes / channels; auto: one a NIC of "
          "the node, at most its group's ranks in any scale-up domain",
      .source = "NCCL builds one channel a NIC at least (NCCL 2.30, src/graph)"};
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
