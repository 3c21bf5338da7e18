#pragma once

#include <array>
#include <utility>

#include "engine/machine/layout.hpp"
#include "topologies/wiring/torus_grid.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// Where the ranks of some parallel groups of a job sit on its torus, and the sub-torus that each
/// group is: data-parallel groups, tensor groups, pipelines, and consecutive shares of them.
class TorusGroups {
 public:
  /// Chip and, last, slice.
  using Place = std::array<std::int64_t, torus_dimensions>;

  /// Throws InputError where the ranks of a group are no grid of their own on the torus.
  TorusGroups(const TorusShape& shape, const GroupShape& groups);

  const TorusGrid& grid() const { return grid_; }
  std::int64_t count() const { return shape_.volume() / groups_.ranks; }
  /// Cables that a hop crosses, and hops of neighbouring groups that share a cable.
  std::int64_t span(std::size_t dimension) const { return span_[dimension]; }
  /// Its lines are rings.
  bool ring(std::size_t dimension) const { return ring_[dimension]; }
  Place place(std::int64_t group, std::int64_t rank) const;
  /// (group, rank) of a chip.
  std::pair<std::int64_t, std::int64_t> at(const Place& place) const;
  /// Chips, or slices, along a dimension.
  std::int64_t side(std::size_t dimension) const {
    return dimension == slice_dimension ? shape_.slices : shape_.chips[dimension];
  }
  /// The last chip of a side is joined to the first.
  bool side_is_ring(std::size_t dimension) const {
    return dimension == slice_dimension || shape_.ring[dimension];
  }
  /// The cable from a chip, or slice, to the next in a dimension is never slow.
  bool repatched(std::size_t dimension, std::int64_t place) const {
    return shape_.repatched && dimension != slice_dimension &&
           place % torus_cube_side == torus_cube_side - 1;
  }

 private:
  Place place_of(std::int64_t chip) const;

  TorusShape shape_;
  GroupShape groups_;
  TorusSides span_{1, 1, 1, 1};
  std::array<bool, torus_dimensions> ring_{};
  TorusGrid grid_;
};

}  // namespace lockstep
