#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lockstep {

/// The ranks of one data-parallel group on its sub-torus, the last dimension the fastest. The lines
/// of a dimension are numbered in the order of their ranks.
struct TorusGrid {
  explicit TorusGrid(const std::array<std::int64_t, 3>& of_sides)
      : sides(of_sides), stride{of_sides[1] * of_sides[2], of_sides[2], 1} {}

  std::array<std::int64_t, 3> sides, stride;

  std::int64_t ranks() const { return sides[0] * stride[0]; }
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
