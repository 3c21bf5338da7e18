#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace lockstep {

/// One NCCL protocol: start-up and per-hop latencies [s], and the share of a link's bandwidth it
/// delivers. Source: NCCL 2.30, src/graph/tuning.cc (baseLat, hwLat, bandwidth factors).
struct NcclProtocol {
  std::string_view name;
  double tree_base, ring_base;
  double tree_scale_up, ring_scale_up;  ///< per hop over NVLink
  double tree_network, ring_network;    ///< per hop over the network
  double ring_bandwidth_factor;
  double tree_bandwidth_factor() const { return 0.92 * ring_bandwidth_factor; }
  /// Factor on a ring's latencies: rings of several nodes under Simple pay 1.4 once each message
  /// holds 64 B.
  double ring_plateau(bool several_nodes, double message_bytes) const {
    return name == "Simple" && several_nodes && message_bytes >= 64 ? 1.4 : 1.0;
  }
};

inline constexpr std::array<NcclProtocol, 3> nccl_protocols{{
    {"LL", 6.8e-6, 6.6e-6, 0.6e-6, 0.6e-6, 5.0e-6, 2.7e-6, 0.5},
    {"LL128", 14.0e-6, 14.0e-6, 1.25e-6, 1.9e-6, 8.5e-6, 4.0e-6, 0.92},
    {"Simple", 8.4e-6, 8.4e-6, 4.0e-6, 3.4e-6, 14.0e-6, 14.0e-6, 1.0},
}};

/// The least that a pipelined chunk takes of a link [B]: a line of LL128, data and flag, which is
/// sent whole. Source: NCCL 2.30, src/include/device.h (NCCL_LL128_LINESIZE); an assumption for
/// other protocols, whose grains are 8 B a thread (calcBytePerGrain), and for switches.
inline constexpr double least_chunk = 128;

/// A chunk's bytes on a link where `bytes` are cut into `chunks`; nothing of nothing.
inline double chunk_on_link(double bytes, std::int64_t chunks) {
  return bytes > 0 ? std::max(least_chunk, bytes / static_cast<double>(chunks)) : 0.0;
}

}  // namespace lockstep
