#include "topologies/hierarchical_ring.hpp"

#include "topologies/algorithms/rails/rail_rings.hpp"
#include "topologies/kind.hpp"
#include "topologies/ring.hpp"

namespace lockstep {
namespace {

std::span<const Parameter> parameters() {
  static const std::vector<Parameter> rows{chunks_parameter(), method_parameter()};
  return rows;
}

constexpr Operation operations[] = {Operation::all_reduce, Operation::reduce_scatter,
                                    Operation::all_gather};

}  // namespace

const TopologyKind hierarchical_ring_topology{
    .name = "hierarchical_ring",
    .summary =
        "rings inside scale-up domains and one ring per rail across, in chunks, on a switched "
        "fabric",
    .source = "Mikami et al. (arXiv 1811.05233); NCCL 2.30 latencies",
    .parameters = parameters(),
    .usable_replicas = any_replicas,
    .make = make_collective<RailRings>,
    .operations = operations,
    .stand_in = &ring_topology,
    .is_local = true,
};

}  // namespace lockstep
