#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// Rings in three phases, pipelined in chunks: reduce-scatter inside each cluster, one ring per
/// rail across the clusters (rail j joins the j-th rank of every cluster, with bytes / rails),
/// all-gather inside. A reduce-scatter is the first phase and one lap of the rails, an all-gather
/// one lap and the last. A cluster is a group's ranks in one scale-up domain; the group's smallest,
/// m ranks, sets its rails, and a larger domain of s ranks splits into floor(s / m) clusters of
/// nearly equal sizes, from m to 2 m - 1. A cluster's ranks beyond m have no rail: each hands its
/// buffer to a partner before and gets the result after, as recursive doubling folds counts that
/// are no power of two (Rabenseifner and Traeff, EuroPVM/MPI 2004); where the buffer is scattered,
/// 1 / ranks of it, and the others' messages are of equal parts all the same. all_to_all and send
/// are the flat ring's.
///
///   2 domains of 3, m = 3, d = 2:       0 - 1 - 2     reduce-scatter, all-gather: rings in rows
///                                       |   |   |     rails: rings in columns
///                                       3 - 4 - 5
///
/// Each ring goes by the recursion of ring.hpp; a chunk enters a phase at a rank when the rank is
/// through with it in the phase before and with the chunk before in this one, as NCCL's rings go on
/// to the next chunk. Its NVLink and its NIC are ports of their own, so slow links slow hops
/// between domains alone; NVLink takes all chunks of the first phase before the last phase's. Every
/// chunk pays all latencies. Where rails run through a split domain there is one chunk. On a
/// uniform fabric domains exist all the same: hops inside and across cost exactly the given latency
/// and bandwidth, on two ports. One start-up, NCCL's latencies, and the protocol, are the flat
/// ring's, whose bits this has with one rank a domain. An all-reduce over equal hops, d clusters of
/// m, K chunks, all ready: with x = (m - 1) (a + bytes / (K m B)) inside and y = 2 (d - 1) (a +
/// bytes / (K m d B)) on rails
///
///   max(x + y + K x, x + K y + x, 2 K x)
///
/// Source: Mikami et al., "ImageNet/ResNet-50 training in 224 seconds" (arXiv 1811.05233), for
/// rings in two dimensions. Cost: (m - 1) m d + (d - 1) m d messages a group, chunk and lap, of
/// which an all-reduce has two. Message number: row m d + place in it, rows in the order fold
/// (where some rank has no rail), of each chunk m - 1 of reduce-scatter, of each chunk the laps'
/// d - 1 of each rail after the other (d wide), of each chunk m - 1 of all-gather, fold back; place
/// = rail d + cluster. What an operation does not have takes no rows.
extern const TopologyKind hierarchical_ring_topology;

}  // namespace lockstep
