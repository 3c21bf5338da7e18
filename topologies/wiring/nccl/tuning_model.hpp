#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "engine/network/operation.hpp"
#include "topologies/wiring/nccl/tuning_table.hpp"

namespace lockstep {

/// A group as NCCL's model sees it. A node is what NVLink joins: a scale-up domain of any size.
struct NcclGroup {
  std::int64_t ranks = 1, nodes = 1;
  NcclGeneration generation = NcclGeneration::hopper;  ///< the oldest in the group
  NcclCpu cpu = NcclCpu::intel;
  bool sharp = false;    ///< the network's switches reduce
  bool foreign = false;  ///< some chip is none of NCCL's: no switch of a node reduces

  /// Of one node, as NCCL divides.
  std::int64_t node_ranks() const { return ranks / nodes; }
};

/// The channels on which an algorithm runs, and what each gets of the links.
struct NcclChannels {
  std::int64_t count = 1;
  double inside = 0;   ///< within nodes [B/s a channel]
  double network = 0;  ///< between nodes [B/s a channel]; one node: not read
};

/// What a protocol makes of the bandwidth that its channels have together:
/// bus = min(factor x bandwidth, cap).
struct NcclBus {
  double factor = 1;
  double cap = std::numeric_limits<double>::infinity();  ///< [B/s]
};

/// Latencies of an algorithm's hops [s].
struct NcclHops {
  double inside = 0, network = 0;
};

struct NcclCost {
  double latency = 0;        ///< before bytes count [s]
  double bus_bandwidth = 0;  ///< [B/s], as NCCL's tests count it: of the busiest link
  double time = 0;           ///< [s]
};

/// Start-up of an algorithm [s].
double nccl_start_up(NcclAlgorithm algorithm, NcclProtocol protocol);

/// What each rank's part adds to PAT's latency [s].
double nccl_pat_part_latency();

/// With one rank a node nothing hides the network's latency, and it is the tree's. On rings over
/// several nodes a hop inside takes at least the post of a message.
NcclHops nccl_hops(const NcclGroup& group, NcclAlgorithm algorithm, NcclProtocol protocol);

/// Ring and tree, trees without the correction by size. Trees get another 0.85 of it in NCCL where
/// one chip has all of a channel's traffic (maxTreePattern); machines with a NIC a chip split it
/// between two, and so nothing is taken here.
NcclBus nccl_bus(const NcclGroup& group, NcclAlgorithm algorithm, NcclProtocol protocol,
                 std::int64_t channels);

/// Factor on all latencies of an all-reduce by rings: over several nodes under Simple 1.4 (Volta:
/// 1.9) once each message of each channel holds 64 B, the plateau of rings.
double nccl_ring_plateau(const NcclGroup& group, Operation operation, NcclProtocol protocol,
                         double bytes, std::int64_t channels);

/// What trees reach of their bandwidth at the size. bytes: the buffer of each rank.
double nccl_tree_correction(NcclProtocol protocol, double bytes);

/// Channels of NVLS on `group` where NVLink carries `inside` [B/s] each way of a chip and each NIC
/// `network`: one a head, of which each node has a chip and NIC, at most what NCCL opens, at the
/// fastest of NCCL's speeds with which a chip that is a head and takes part in all channels still
/// keeps up (search.cc). heads: the fewest ranks that a node has.
NcclChannels nccl_nvls_channels(const NcclGroup& group, std::int64_t heads, double inside,
                                double network);

/// Most bus bandwidth of a channel of an NVLS tree [B/s]; no bound on one node.
double nccl_nvls_tree_cap(const NcclGroup& group);

/// What a channel of NVLS moves inside a node [B/s]; an all-reduce sends it up and down at once.
double nccl_nvls_rate(const NcclGroup& group, const NcclChannels& channels);

/// NCCL's estimate (ncclTopoTuneModel, ncclTopoGetAlgoTime); nullopt where NCCL does not run the
/// algorithm: trees, NVLS trees and CollNet chains do all-reduces alone, PAT the other two with one
/// rank a node, NVLS one node of three ranks at least or SHARP, NVLS trees several nodes, CollNet
/// SHARP.
/// bytes: as CollectiveRequest's. Throws std::invalid_argument on an operation NCCL does not model.
std::optional<NcclCost> nccl_cost(const NcclGroup& group, Operation operation,
                                  NcclAlgorithm algorithm, NcclProtocol protocol,
                                  const NcclChannels& channels, double bytes);

}  // namespace lockstep
