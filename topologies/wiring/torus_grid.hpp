#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lockstep {

/// Dimensions of a group's grid: those of a torus and, across, its slices.
inline constexpr std::size_t torus_dimensions = 4, slice_dimension = 3;
using TorusSides = std::array<std::int64_t, torus_dimensions>;

/// The ranks of one group on its sub-torus: slice by slice, in each the last dimension of the torus
/// the fastest. The lines of a dimension are numbered in the order of their ranks.
struct TorusGrid {
  explicit TorusGrid(const TorusSides& of_sides)
      : sides(of_sides),
        stride{of_sides[1] * of_sides[2], of_sides[2], 1, of_sides[0] * of_sides[1] * of_sides[2]} {
  }

  TorusSides sides, stride;

  std::int64_t ranks() const { return sides[slice_dimension] * stride[slice_dimension]; }
  std::int64_t lines(std::size_t dimension) const { return ranks() / sides[dimension]; }
  std::int64_t line(std::size_t dimension, std::int64_t rank) const {
    return rank / (stride[dimension] * sides[dimension]) * stride[dimension] +
           rank % stride[dimension];
  }
  std::int64_t place(std::size_t dimension, std::int64_t rank) const {
    return rank / stride[dimension] % sides[dimension];
  }
  std::int64_t rank(std::size_t dimension, std::int64_t line, std::int64_t place) const {
    return (line / stride[dimension] * sides[dimension] + place) * stride[dimension] +
           line % stride[dimension];
  }
  /// The rank after or, with `before`, before `rank` on its ring.
  std::int64_t neighbour(std::int64_t rank, std::size_t dimension, bool before) const {
    const std::int64_t side = sides[dimension], at = place(dimension, rank);
    return rank + ((at + (before ? side - 1 : 1)) % side - at) * stride[dimension];
  }
};

}  // namespace lockstep
