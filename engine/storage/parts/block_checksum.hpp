#pragma once

#include <cstdint>

#include "engine/run/result.hpp"

namespace lockstep {

/// First 64 bits of the SHA-256 of the block's values, variable after variable, as stored
/// (little-endian doubles). Fletcher-32 guards a chunk, but not where the chunk's index points:
/// an address flipped into zeros has the right Fletcher-32, which is 0.
std::int64_t block_checksum(const BlockResult& block);

}  // namespace lockstep
