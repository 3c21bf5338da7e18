#include "topologies/wiring/nccl/hop_use.hpp"

#include <algorithm>
#include <limits>

namespace lockstep {

NcclGroup nccl_group(const CollectiveRequest& request, std::int64_t group) {
  const Layout& layout = request.layout;
  NcclGroup seen;
  seen.ranks = layout.replicas;
  seen.nodes = request.fabric.uniform() ? layout.replicas : domain_clusters(layout, group).count();
  seen.cpu = request.fabric.cpu == "amd"     ? NcclCpu::amd
             : request.fabric.cpu == "intel" ? NcclCpu::intel
                                             : NcclCpu::other;
  std::vector<bool> there(request.fleet.generations.size());
  for (std::int64_t rank = 0; rank < layout.replicas; ++rank)
    there[layout.generation[static_cast<std::size_t>(layout.at(group, rank))]] = true;
  seen.generation = NcclGeneration::blackwell;
  for (std::size_t g = 0; g < there.size(); ++g)
    if (there[g]) {
      const auto known = nccl_generation(request.fleet.generations[g].chip.nccl);
      seen.foreign |= !known;
      seen.generation = std::min(seen.generation, known.value_or(NcclGeneration::hopper));
    }
  return seen;
}

std::vector<NcclGroup> nccl_groups(const CollectiveRequest& request) {
  std::vector<NcclGroup> groups;
  for (std::int64_t group = 0; group < request.layout.groups(); ++group)
    groups.push_back(nccl_group(request, group));
  return groups;
}

NcclUse nccl_ring_use(const NcclGroup& group, Operation operation, NcclProtocol protocol,
                      const NcclChannels& opened, std::int64_t channels, double bytes) {
  const double plateau = nccl_ring_plateau(group, operation, protocol, bytes, opened.count);
  const NcclHops hops = nccl_hops(group, NcclAlgorithm::ring, protocol);
  const NcclBus bus = nccl_bus(group, NcclAlgorithm::ring, protocol, opened.count);
  return {plateau * nccl_start_up(NcclAlgorithm::ring, protocol),
          {plateau * hops.inside, plateau * hops.network, bus.factor,
           bus.cap / static_cast<double>(channels)}};
}

NcclUse nccl_tree_use(const NcclGroup& group, NcclProtocol protocol, const NcclChannels& opened,
                      std::int64_t channels) {
  const NcclHops hops = nccl_hops(group, NcclAlgorithm::tree, protocol);
  const NcclBus bus = nccl_bus(group, NcclAlgorithm::tree, protocol, opened.count);
  return {nccl_start_up(NcclAlgorithm::tree, protocol),
          {hops.inside, hops.network, bus.factor, bus.cap / (2 * static_cast<double>(channels))}};
}

NcclLinks nccl_links(const CollectiveRequest& request, std::int64_t group) {
  const Layout& layout = request.layout;
  constexpr double any = std::numeric_limits<double>::infinity();
  NcclLinks links{any, any};
  for (std::int64_t rank = 0; rank < layout.replicas; ++rank) {
    const Chip& chip =
        request.fleet
            .generations[layout.generation[static_cast<std::size_t>(layout.at(group, rank))]]
            .chip;
    links.inside = std::min(links.inside, request.fabric.scale_up_rate(chip));
    links.network = std::min(links.network, request.fabric.network_rate(chip));
  }
  return links;
}

NcclChannels nccl_ring_channels(const CollectiveRequest& request, std::int64_t group,
                                std::int64_t channels) {
  const NcclGroup seen = nccl_group(request, group);
  const NcclLinks links = nccl_links(request, group);
  const auto nics = static_cast<double>(smallest_cluster(request.layout, group));
  NcclChannels opened;
  opened.count = channels;
  const auto count = static_cast<double>(channels);
  opened.network = links.network * std::min(1.0, nics / count);
  opened.inside = seen.node_ranks() == 1 ? opened.network : links.inside / count;
  opened.network = std::min(opened.network, opened.inside);
  const double rate = seen.nodes == 1 ? opened.inside : opened.network;
  const bool many = channels > 4 && seen.generation > NcclGeneration::ampere && rate < 50e9;
  if (rate < 25e9 || many || 2 * channels > nccl_most_ring_channels) return opened;
  return {2 * opened.count, opened.inside / 2, opened.network / 2};
}

NcclChannels nvls_channels(const CollectiveRequest& request, std::int64_t group) {
  const NcclLinks links = nccl_links(request, group);
  return nccl_nvls_channels(nccl_group(request, group), smallest_cluster(request.layout, group),
                            links.inside, links.network);
}

NcclUse nccl_nvls_use(const NcclGroup& group, const NcclChannels& channels) {
  const auto ranks = static_cast<double>(group.ranks);
  constexpr double trees = 2;
  const double cap = nccl_nvls_tree_cap(group) * ranks / (2 * (ranks - 1));
  const NcclHops hops = nccl_hops(group, NcclAlgorithm::nvls_tree, NcclProtocol::simple);
  const double rate = nccl_nvls_rate(group, channels);
  return {0, {hops.inside / 2, hops.network, 1, std::min(rate, cap) / trees}};
}

std::string protocol_text(const Fabric& fabric, NcclProtocol protocol) {
  return fabric.uniform() ? "uniform hops" : std::string(name_of(protocol));
}

}  // namespace lockstep
