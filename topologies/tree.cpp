#include "topologies/tree.hpp"

#include "topologies/algorithms/tree/tree_collective.hpp"
#include "topologies/kind.hpp"
#include "topologies/ring.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

std::span<const Parameter> tree_parameters() {
  static const std::vector<Parameter> rows{
      channels_parameter(),
      chunks_parameter(),
  };
  return rows;
}

std::unique_ptr<Collective> make_tree_of_chains(const CollectiveRequest& request) {
  return make_tree_collective(request, TreeStyle::chains);
}

}  // namespace

const TopologyKind tree_topology{
    .name = "tree",
    .summary = "double binary tree over scale-up domains, chains inside, on a switched fabric",
    .source = "Sanders, Speck, Traeff (2009); NCCL 2.30, src/graph/trees.cc",
    .parameters = tree_parameters(),
    .usable_replicas = any_replicas,
    .make = make_tree_of_chains,
    .stand_in = &ring_topology,
    .is_local = true,
};

}  // namespace lockstep
