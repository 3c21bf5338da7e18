#include "topologies/wiring/nccl/hop_use.hpp"

#include <algorithm>

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
    if (there[g])
      seen.generation =
          std::min(seen.generation, nccl_generation(request.fleet.generations[g].chip.name));
  return seen;
}

std::vector<NcclGroup> nccl_groups(const CollectiveRequest& request) {
  std::vector<NcclGroup> groups;
  for (std::int64_t group = 0; group < request.layout.groups(); ++group)
    groups.push_back(nccl_group(request, group));
  return groups;
}

NcclUse nccl_ring_use(const NcclGroup& group, Operation operation, NcclProtocol protocol,
                      std::int64_t channels, double bytes) {
  const double plateau = nccl_ring_plateau(group, operation, protocol, bytes, channels);
  const NcclHops hops = nccl_hops(group, NcclAlgorithm::ring, protocol);
  const NcclBus bus = nccl_bus(group, NcclAlgorithm::ring, protocol, channels);
  return {plateau * nccl_start_up(NcclAlgorithm::ring, protocol),
          {plateau * hops.inside, plateau * hops.network, bus.factor,
           bus.cap / static_cast<double>(channels)}};
}

NcclUse nccl_tree_use(const NcclGroup& group, NcclProtocol protocol, std::int64_t channels) {
  const NcclHops hops = nccl_hops(group, NcclAlgorithm::tree, protocol);
  const NcclBus bus = nccl_bus(group, NcclAlgorithm::tree, protocol, channels);
  return {nccl_start_up(NcclAlgorithm::tree, protocol),
          {hops.inside, hops.network, bus.factor, bus.cap / (2 * static_cast<double>(channels))}};
}

std::string protocol_text(const Fabric& fabric, NcclProtocol protocol) {
  return fabric.uniform() ? "uniform hops" : std::string(name_of(protocol));
}

}  // namespace lockstep
