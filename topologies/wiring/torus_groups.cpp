#include "topologies/wiring/torus_groups.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

std::int64_t product(const Sides& sides) {
  return sides[0] * sides[1] * sides[2];
}

}  // namespace

TorusGroups::TorusGroups(const TorusShape& shape, const GroupShape& groups)
    : shape_(shape), groups_(groups), grid_({1, 1, 1, 1}) {
  TorusSides sides{1, 1, 1, 1};
  const Place first = place(0, 0);
  bool regular = shape.volume() % (groups.ranks * groups.stride) == 0;
  for (std::int64_t rank = 0; regular && rank < groups.ranks; ++rank) {
    const Place at = place(0, rank);
    for (std::size_t d = 0; d < torus_dimensions; ++d) {
      const std::int64_t along = at[d] - first[d];
      if (along == 0) continue;
      if (sides[d] == 1) span_[d] = along;
      if (along % span_[d] == 0) sides[d] = std::max(sides[d], along / span_[d] + 1);
    }
  }
  grid_ = TorusGrid(sides);
  regular = regular && grid_.ranks() == groups.ranks;
  for (std::int64_t rank = 0; regular && rank < groups.ranks; ++rank) {
    const Place at = place(0, rank);
    for (std::size_t d = 0; d < torus_dimensions; ++d)
      regular = regular && at[d] == first[d] + grid_.place(d, rank) * span_[d];
  }
  if (!regular)
    throw InputError(
        fmt::format("groups of {} ranks, {} chips apart (on {} chips they are no sub-torus) choose "
                    "another topology.mapping",
                    groups.ranks, groups.stride, fmt::join(shape.chips, "x")));
  for (std::size_t d = 0; d < torus_dimensions; ++d)
    ring_[d] = side_is_ring(d) && sides[d] * span_[d] == side(d);
}

TorusGroups::Place TorusGroups::place_of(std::int64_t chip) const {
  const std::int64_t tensor_ranks = product(shape_.tensor), stages = product(shape_.pipeline);
  std::int64_t tensor = chip % tensor_ranks, stage = chip / tensor_ranks % stages;
  std::int64_t replica = chip / (tensor_ranks * stages);
  const Sides data = shape_.groups();
  Place at{};
  for (std::size_t d = 3; d-- > 0;) {
    at[d] =
        (replica % data[d] * shape_.pipeline[d] + stage % shape_.pipeline[d]) * shape_.tensor[d] +
        tensor % shape_.tensor[d];
    replica /= data[d];
    stage /= shape_.pipeline[d];
    tensor /= shape_.tensor[d];
  }
  at[slice_dimension] = replica;
  return at;
}

TorusGroups::Place TorusGroups::place(std::int64_t group, std::int64_t rank) const {
  return place_of(group / groups_.stride * groups_.stride * groups_.ranks + rank * groups_.stride +
                  group % groups_.stride);
}

std::pair<std::int64_t, std::int64_t> TorusGroups::at(const Place& place) const {
  const Sides data = shape_.groups();
  std::int64_t tensor = 0, stage = 0, replica = place[slice_dimension];
  for (std::size_t d = 0; d < 3; ++d) {
    tensor = tensor * shape_.tensor[d] + place[d] % shape_.tensor[d];
    stage = stage * shape_.pipeline[d] + place[d] / shape_.tensor[d] % shape_.pipeline[d];
    replica = replica * data[d] + place[d] / shape_.tensor[d] / shape_.pipeline[d];
  }
  const std::int64_t chip =
      (replica * product(shape_.pipeline) + stage) * product(shape_.tensor) + tensor;
  return {chip / (groups_.stride * groups_.ranks) * groups_.stride + chip % groups_.stride,
          chip / groups_.stride % groups_.ranks};
}

}  // namespace lockstep
