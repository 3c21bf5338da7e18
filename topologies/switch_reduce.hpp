#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// In-network reduction in three phases, pipelined in chunks: an exchange inside each scale-up
/// domain, after which each of its m ranks of the group holds the sum of 1 / m of the buffer; an
/// all-reduce of that share over the domains on each rail, in the switches; an exchange back.
/// Rails, clusters and who folds into whom are hierarchical_ring's (rail_layout.hpp), so that with
/// one rank a domain all is in the switches, and in one domain nothing.
///
///            core                Of each rail: every rank sends its share to its leaf switch; a
///           /    .               switch adds what comes from below and passes it on, leaf to spine
///       spine     spine          to core, as high as the rail spans; the highest sends the sum
///       back /   .      |             down, every switch to all below. Each port carries the share
///       once
///    leaf   leaf  leaf           each way. Switches add at the rate of their ports.
///    0 1     2     3 4
///
/// Inside a domain every rank sends each of the others its part at once, as NCCL's CollNetDirect
/// does: one latency a phase and not m - 1, so that chunks cost none. NVLink and NIC are ports of
/// their own. A chunk's messages follow those of the chunk before on each port, and NVLink takes
/// all that is scattered before what is gathered. With K chunks, D hops from a rank to the top, a =
/// latency, g = bytes / (m K B) a message, equal hops and all ready:
///
///   a + (m - 1) g + max((2 K - 1) (m - 1) g,
///                       a + (m - 1) g + 2 D (a + g) + (K - 1) (m - 1) g)             m > 1
///   2 D (a + g) + (K - 1) g                                                          m = 1
///
/// Where the domain's switch adds too (NVLS, from Hopper on), m + 1 parts of 1 / m pass a port
/// there and back in place of 2 (m - 1), at the rate of NCCL's channels: an all-reduce in which
/// all ranks have a rail counts them so where m > 2 and that is faster.
///
/// Reduce-scatter is the first exchange, the whole share up, and down to each switch what the ranks
/// below it own; all-gather the mirror: up what is below, down all that is not, an exchange. SHARP
/// has both (libsharp, as NCCL's plugin calls it). Nobody does all_to_all or send in switches:
/// they are the ring's. Ranks without a rail hand over and get 1 / ranks of the buffer where it is
/// scattered.
///
/// Source: Graham et al., "Scalable Hierarchical Aggregation Protocol (SHArP)" (COMHPC 2016). Rate
/// of the network: 95 % of its bandwidth, measured with streaming aggregation (Graham et al., ISC
/// 2020, LNCS 12151), at most fabric.network_efficiency; a leaf's or pod's uplinks are shared by
/// the rails of all groups that cross them. Latency of a hop: topology.switch_latency between chip
/// and leaf, half of fabric.spine_latency above, (core_latency - spine_latency) / 2 above the
/// spine; of an exchange 3.7 us and 0.4 us for each peer (NCCL 2.30, src/graph/tuning.cc,
/// CollNetDirect, which stops at 8 ranks: beyond, extrapolated). Start-up: assumed NCCL's, as for a
/// tree, so that topologies are compared at the same (range 0-31 us, CollNetDirect's).
/// fabric.protocol has no say. The number of aggregation trees that a switch holds at once is not
/// limited.
///
/// The message graph's vertices from `ranks` on are switches. Cost: 2 (m - 1) m d + 2 (m d +
/// switches - m) messages a group and chunk. Message number: rows of fold, first exchange (of each
/// chunk m - 1), hops up, hops down, second exchange, fold back, each chunk after chunk; in a row
/// the place that gets it, rail d + cluster, or the lower vertex of the hop.
extern const TopologyKind switch_reduce_topology;

/// The parameter of kinds that run it.
const Parameter& switch_latency_parameter();

}  // namespace lockstep
