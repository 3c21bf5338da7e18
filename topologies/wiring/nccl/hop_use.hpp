#pragma once

#include <string>
#include <vector>

#include "topologies/wiring/nccl/tuning_model.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

/// A group of a request as NCCL's model sees it. A uniform fabric has no nodes: every rank is one.
NcclGroup nccl_group(const CollectiveRequest& request, std::int64_t group);
std::vector<NcclGroup> nccl_groups(const CollectiveRequest& request);

/// What a protocol makes of a group's hops. The bus bandwidth that NCCL's model gives the group is
/// that of its hops: a ring's hop moves a channel's share of it, a hop of two trees half of that.
struct NcclUse {
  double start_up = 0;  ///< [s]
  PortUse ports;
};
/// bytes: the buffer of each rank, which all channels share.
NcclUse nccl_ring_use(const NcclGroup& group, Operation operation, NcclProtocol protocol,
                      std::int64_t channels, double bytes);
/// Without the correction by size: chunks in a pipeline are what it stands for.
NcclUse nccl_tree_use(const NcclGroup& group, NcclProtocol protocol, std::int64_t channels);

/// The channels on which NVLS runs for a group.
NcclChannels nvls_channels(const CollectiveRequest& request, std::int64_t group);
/// Hops of TreeStyle::nvls, half of the buffer in each of two trees.
NcclUse nccl_nvls_use(const NcclGroup& group, const NcclChannels& channels);

/// The slowest chip's links in a group [B/s].
struct NcclLinks {
  double inside = 0, network = 0;
};
NcclLinks nccl_links(const CollectiveRequest& request, std::int64_t group);

/// What is said of a protocol that was chosen.
std::string protocol_text(const Fabric& fabric, NcclProtocol protocol);

}  // namespace lockstep
