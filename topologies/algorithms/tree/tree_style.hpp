#pragma once

namespace lockstep {

/// How a double tree is laid in scale-up domains.
enum class TreeStyle {
  /// A chain in each, whose head joins the trees over domains; broadcast follows reduction on every
  /// port.
  chains,
  /// NVLS: the domain's switch adds what all ranks send and passes the sum to the channel's head,
  /// which joins the trees over domains; what comes back the switch sends to all. A star, then, in
  /// which every rank has a hop of its own, and both ways are on at once. A chunk takes half of
  /// NCCL's latency of NVLS each way. Hops share each NIC for good with what else it carries that
  /// way: where a domain has two children in one tree, four flows, so that NICs carry the buffer
  /// twice; of two domains each carries it once. Equal hops of bandwidth B a channel of c over
  /// NVLink, one domain, K chunks, all ready: 2 a + (K + 1) bytes / (c K B).
  /// Source: NCCL 2.30, src/device/all_reduce.h (NVLS, NVLSTree), src/graph/tuning.cc (rates).
  nvls,
};

}  // namespace lockstep
