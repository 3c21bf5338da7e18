#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/random.hpp"

namespace lockstep {

/// Consecutive entities of a kind that share a stream.
inline constexpr std::uint32_t rare_tile = 4096;

/// Which of the entities 0 .. count-1 of `kind` (below 2^24) something rare hits: each with chance
/// `fraction`, independently of the others; ascending.
///
/// Every entity has points of a Poisson process of rate 1 above it, and is hit where the lowest is
/// below h = -log(1 - fraction). The points of a tile of 4,096 entities are met from below: gaps of
/// height are exponential of mean 1 / 4,096, and each point is above any of the entities alike
/// (Devroye, Non-Uniform Random Variate Generation, 1986, VI.1). So no entity is asked, a larger
/// fraction keeps those hit by a smaller one, and a longer kind those of a shorter one.
///
/// Draws of `stream`: the block (kind, tile; draw), words 0 and 1, the key of the tile's own
/// stream, whose blocks hold two points each. Cost: some 30 ns a point, 1 + 4,096 h points a tile
/// until all of the tile are hit (38,000 at fraction 1).
std::vector<std::uint32_t> rare_entities(const Stream& stream, std::uint32_t kind,
                                         std::uint32_t draw, std::uint32_t count, double fraction);

}  // namespace lockstep
