#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// What NCCL takes: for each operation the algorithm and protocol of least time by NCCL's own model
/// (tuning_model.hpp), of which then the message graph runs:
///
///   ring          ring.hpp
///   tree          tree.hpp, all_reduce
///   NVLS          TreeStyle::nvls, all_reduce where a group is in one scale-up domain
///   NVLS tree     TreeStyle::nvls, all_reduce over several domains of three of its ranks at least
///   PAT           pat_exchange.hpp, reduce_scatter and all_gather of one rank a domain
///   NVLS + SHARP, CollNet: switch_reduce.hpp, where topology.sharp says that the network reduces
///
/// It refuses chips on which NCCL does not run (chip.*.nccl = none), but on a uniform fabric.
/// NCCL chooses nothing for all_to_all and send, which go from rank to rank (PairwiseExchange).
/// The model knows neither noise nor what groups take from each other, and its estimate is not the
/// graph's time, so that what it takes need not be the fastest of our kinds. One choice serves all
/// groups: that of the first of those over most domains. A uniform fabric, which has no protocols,
/// has the tree, and the ring for the others. Source: NCCL 2.30, src/graph/tuning.cc. Cost: as what
/// is taken.
extern const TopologyKind nccl_topology;

}  // namespace lockstep
