#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// Flat ring: reduce-scatter or all-gather is a lap of it, n - 1 messages of bytes / (channels n)
/// into every rank, all-reduce two laps. all_to_all and send go from rank to rank
/// (PairwiseExchange). Message k into rank i, with T(i, 0) the ready time and NCCL's start-up:
///
///   T(i, k) = max(T(i, k-1) + g_i, T(i-1, k-1) + L_i) + noise(i, k)
///
/// g = serialization, L = latency + g of the hop into rank i. Source: Patarasu and Yuan, "Bandwidth
/// optimal all-reduce algorithms for clusters of workstations" (J. Parallel Distrib. Comput. 69,
/// 2009), with NCCL's latencies. Cost: (n - 1) n messages a lap, channel and group.
/// Message number: (channel rows + k - 1) n + position in the channel's ring, rows being the laps'.
extern const TopologyKind ring_topology;

}  // namespace lockstep
