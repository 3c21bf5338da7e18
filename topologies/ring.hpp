#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// Flat ring all-reduce: reduce-scatter and all-gather, 2 (n - 1) messages of bytes / (channels n)
/// into every rank. Message k into rank i, with T(i, 0) the ready time:
///
///   T(i, k) = max(T(i, k-1) + g_i, T(i-1, k-1) + L_i) + noise(i, k)
///
/// g = serialization, L = latency + g of the hop into rank i. Source: Patarasu and Yuan, "Bandwidth
/// optimal all-reduce algorithms for clusters of workstations" (J. Parallel Distrib. Comput. 69,
/// 2009), with NCCL's latencies. Cost: 2 (n - 1) n messages a channel and group.
/// Message number: (channel 2 (n - 1) + k - 1) n + position in the channel's ring.
extern const TopologyKind ring_topology;

}  // namespace lockstep
