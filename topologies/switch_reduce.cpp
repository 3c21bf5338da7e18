#include "topologies/switch_reduce.hpp"

#include "topologies/algorithms/in_network/in_network_collective.hpp"
#include "topologies/kind.hpp"
#include "topologies/ring.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

std::span<const Parameter> parameters() {
  static const std::vector<Parameter> rows{chunks_parameter(), switch_latency_parameter()};
  return rows;
}

// NCCL's SHARP plugin has both (nccl-rdma-sharp-plugins, ncclSharpIreducescatter, ...Iallgather).
constexpr Operation operations[] = {Operation::all_reduce, Operation::reduce_scatter,
                                    Operation::all_gather};

}  // namespace

const Parameter& switch_latency_parameter() {
  static const Parameter row{
      .key = "topology.switch_latency",
      .number = 84,
      .dimension = Dimension::time,
      .default_text = "0.7us",
      .summary = "in-network reduction: latency of the hop between a chip and its leaf switch",
      .source = "2.83 us for 8 bytes over 128 hosts, four hops (Graham et al., COMHPC 2016)"};
  return row;
}

const TopologyKind switch_reduce_topology{
    .name = "switch_reduce",
    .summary =
        "reduction inside scale-up domains, then inside the switches (as SHARP), leaf to "
        "spine to core and back",
    .source =
        "Graham et al., SHArP (COMHPC 2016); streaming rate: Graham et al. (ISC 2020); "
        "domains: NCCL 2.30, CollNetDirect",
    .parameters = parameters(),
    .usable_replicas = any_replicas,
    .make = make_collective<InNetworkCollective>,
    .operations = operations,
    .stand_in = &ring_topology,
    .is_local = true,
};

}  // namespace lockstep
