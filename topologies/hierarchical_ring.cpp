#include "topologies/hierarchical_ring.hpp"

#include "topologies/algorithms/ring/rail_all_reduce.hpp"
#include "topologies/kind.hpp"
#include "topologies/ring.hpp"

namespace lockstep {
namespace {

std::span<const Parameter> parameters() {
  static const std::vector<Parameter> rows{method_parameter()};
  return rows;
}

}  // namespace

const TopologyKind hierarchical_ring_topology{
    .name = "hierarchical_ring",
    .summary = "rings inside scale-up domains and one ring per rail across, on a switched fabric",
    .source = "Mikami et al. (arXiv 1811.05233); NCCL 2.30 latencies",
    .parameters = parameters(),
    .usable_replicas = any_replicas,
    .make = make_collective<RailAllReduce>,
    .stand_in = &ring_topology,
};

}  // namespace lockstep
