#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// Ways of a message on a torus: along three dimensions, forward or backward.
inline constexpr std::size_t torus_ways = 6;

/// Shortest paths on a twisted torus: a side of n chips closes, with the optical switches' help, n
/// chips further on along every side of 2n. All chips see the same torus, and on the shapes that
/// TorusShape::twisted has all six links of a chip carry as much of an all-to-all. Source: Camara
/// et al., "Twisted torus topologies for enhanced interconnection networks" (IEEE TPDS 21, 2010).
class TwistedRoutes {
 public:
  /// `sides` as can_be_twisted has them. Cost: a look at every chip.
  explicit TwistedRoutes(const Sides& sides);

  std::int64_t chips() const { return sides_[0] * sides_[1] * sides_[2]; }
  /// The chip next to `chip`; chips are numbered with the last dimension the fastest.
  std::int64_t next(std::int64_t chip, std::size_t dimension, bool forward) const;
  /// Hops to the farthest chip.
  std::int64_t diameter() const { return static_cast<std::int64_t>(load_.size()); }
  /// By hop of a path, of an all-to-all of one block for every chip, each in equal shares over all
  /// its shortest paths: what a chip sends each way, forward and backward by dimension [blocks].
  const std::vector<std::array<double, torus_ways>>& load() const { return load_; }

 private:
  Sides sides_;
  std::vector<std::array<double, torus_ways>> load_;
};

/// Way number of a dimension.
constexpr std::size_t torus_way(std::size_t dimension, bool forward) {
  return 2 * dimension + (forward ? 0 : 1);
}

}  // namespace lockstep
