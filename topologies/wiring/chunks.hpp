#pragma once

#include <algorithm>
#include <cstdint>

namespace lockstep {

/// The least that a pipelined chunk takes of a link [B]: a line of LL128, data and flag, which is
/// sent whole. Source: NCCL 2.30, src/include/device.h (NCCL_LL128_LINESIZE); an assumption for
/// other protocols, whose grains are 8 B a thread (calcBytePerGrain), and for switches.
inline constexpr double least_chunk = 128;

/// A chunk's bytes on a link where `bytes` are cut into `chunks`; nothing of nothing.
inline double chunk_on_link(double bytes, std::int64_t chunks) {
  return bytes > 0 ? std::max(least_chunk, bytes / static_cast<double>(chunks)) : 0.0;
}

}  // namespace lockstep
