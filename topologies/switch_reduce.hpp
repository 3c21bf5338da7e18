#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// In-network reduction: every rank sends its buffer to its leaf switch; a switch adds what comes
/// from below and passes it on, leaf to spine to core, as high as the group spans; the highest
/// sends the sum back down, every switch to all below. Pipelined in chunks; each port carries the
/// buffer once each way. NVLink is not used, and switches add at the rate of their ports.
///
///            core                With D hops from a rank to the top, a = latency, K chunks of
///           /    .               serialization g, equal hops and all ready:
///       spine     spine
///       /   .      |               2 D (a + g) + (K - 1) g
///    leaf   leaf  leaf
///    0 1     2     3 4
///
/// Source: Graham et al., "Scalable Hierarchical Aggregation Protocol (SHArP)" (COMHPC 2016). Rate:
/// 95 % of the network bandwidth, measured with streaming aggregation (Graham et al., ISC 2020,
/// LNCS 12151); a leaf's or pod's uplinks are shared by the groups that cross them. Latency of a
/// hop: topology.switch_latency between chip and leaf, half of fabric.spine_latency above,
/// (core_latency - spine_latency) / 2 above the spine. Start-up: assumed NCCL's, as for a tree, so
/// that topologies are compared at the same (range 0-20 us). fabric.protocol has no say.
///
/// The message graph's vertices from `ranks` on are switches. Cost: 2 (n + switches - 1) K
/// messages a group. Message number: (phase K + chunk) v + lower end of the hop, up before down, v
/// = the most vertices of a group.
extern const TopologyKind switch_reduce_topology;

}  // namespace lockstep
