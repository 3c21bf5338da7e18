#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// Double binary tree all-reduce (other operations are ring.hpp's): reduce to the root and
/// broadcast back, pipelined in chunks, in two trees at once with half of the buffer each; a chain
/// inside every scale-up domain, the trees over domains (over ranks on a uniform fabric, which has
/// no domains). Hops share a NIC evenly with the other hops of their phase that it carries that
/// way: in each direction at most two of a channel (two children of one tree and none of the other,
/// or one hop of each tree), so that nearly every tree hop gets half of it; over two domains there
/// is one, and it gets all. A share is for good, whether the other hop has something to send or
/// not. Broadcast follows reduction on every port. Per hop and chunk c, with g = serialization and
/// L = latency + g:
///
///   start(c) = max(start(c-1) + g, has(c)),   arrival(c) = max(arrival(c-1) + g, start(c) + L) +
///   noise
///
/// Equal hops, one rank a domain, all ready, depth D, K chunks, g = bytes / (2 K) at half of the
/// port, at all of it over two:
///
///   max(2 D L, max(2 D - 2, D + h) L + K g) + (K - 1) g
///
/// h: hops below the first root in the second tree (0 for an even count of domains, where it is a
/// leaf; at most D - 1), whose port broadcasts when the second tree's reduction has left. With
/// h = 0 and D >= 2 about the pipelined two-tree time 2 D + 2 K of Sanders, Speck, Traeff (Parallel
/// Computing 35, 2009).
/// Cost: 4 (n - 1) K messages a channel and group. Message number:
/// (((channel 2 + phase) 2 + tree) K + chunk) n + rank, rank being the hop's lower end.
extern const TopologyKind tree_topology;

}  // namespace lockstep
