#include "topologies/ocs_torus.hpp"

#include "topologies/torus_all_reduce.hpp"

namespace lockstep {
namespace {

TorusShape shape_of(const Values& values, std::int64_t replicas, std::int64_t model_parallel) {
  return torus_shape(values.text("topology.shape"), replicas * model_parallel, model_parallel);
}

std::span<const Parameter> parameters() {
  static const std::vector<Parameter> rows{torus_shape_parameter()};
  return rows;
}

}  // namespace

const TopologyKind ocs_torus_topology{
    .name = "ocs_torus",
    .summary = "3-D torus of 4x4x4 cubes joined by optical circuit switches",
    .source = "Jouppi et al., TPU v4 (ISCA'23, arXiv 2304.01433); Jain and Sabharwal (ICS'10)",
    .parameters = parameters(),
    .usable_replicas =
        [](const Values& values, std::int64_t replicas, std::int64_t model_parallel) {
          return shape_of(values, replicas, model_parallel).volume() / model_parallel;
        },
    .make = [](const CollectiveRequest& request) -> std::unique_ptr<Collective> {
      const Layout& layout = request.layout;
      constexpr std::int64_t largest_published = 8960;  // TPU v5p pod (Google Cloud documentation)
      return std::make_unique<TorusAllReduce>(
          request, shape_of(request.values, layout.replicas, layout.groups()), largest_published);
    },
};

}  // namespace lockstep
