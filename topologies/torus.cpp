#include "topologies/torus.hpp"

#include "topologies/torus_all_reduce.hpp"

namespace lockstep {
namespace {

TorusShape shape_of(const Values& values, std::int64_t replicas, std::int64_t model_parallel) {
  constexpr std::int64_t single_chips = 1;
  return torus_shape(values.text("topology.shape"), replicas * model_parallel, model_parallel,
                     single_chips);
}

std::span<const Parameter> parameters() {
  static const std::vector<Parameter> rows{torus_shape_parameter()};
  return rows;
}

}  // namespace

const TopologyKind torus_topology{
    .name = "torus",
    .summary = "static 3-D torus of single chips: it cannot be rewired around a failure",
    .source = "Adiga et al., Blue Gene/L (IBM J. Res. Dev. 49, 2005); Jain and Sabharwal (ICS'10)",
    .parameters = parameters(),
    .usable_replicas =
        [](const Values& values, std::int64_t replicas, std::int64_t model_parallel) {
          return shape_of(values, replicas, model_parallel).volume() / model_parallel;
        },
    .make = [](const CollectiveRequest& request) -> std::unique_ptr<Collective> {
      const Layout& layout = request.layout;
      constexpr std::int64_t largest_published = 65536;  // Blue Gene/L, 64 x 32 x 32
      return std::make_unique<TorusAllReduce>(
          request, shape_of(request.values, layout.replicas, layout.groups()), largest_published);
    },
};

}  // namespace lockstep
