#pragma once

#include <string>
#include <vector>

#include "topologies/wiring/nccl/tuning_model.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

/// A group of a request as NCCL's model sees it. A uniform fabric has no nodes: every rank is one.
/// Chips on which NCCL does not run have Hopper's caps, an assumption, and nothing adds in their
/// domains.
NcclGroup nccl_group(const CollectiveRequest& request, std::int64_t group);
std::vector<NcclGroup> nccl_groups(const CollectiveRequest& request);

/// The slowest chip's links in a group [B/s].
struct NcclLinks {
  double inside = 0, network = 0;
};
NcclLinks nccl_links(const CollectiveRequest& request, std::int64_t group);

/// The channels that NCCL opens for `channels` rings or double trees of a group: two each where one
/// is fast, but where there are more than four of less than 50 GB/s (ncclTopoDupChannels,
/// src/graph/ search.cc). Only caps by channel and the plateau of rings know the difference.
NcclChannels nccl_ring_channels(const CollectiveRequest& request, std::int64_t group,
                                std::int64_t channels);

/// What a protocol makes of a group's hops. The bus bandwidth that NCCL's model gives the group is
/// that of its hops: a ring's hop moves a channel's share of it, a hop of two trees half of that.
struct NcclUse {
  double start_up = 0;  ///< [s]
  PortUse ports;
};
/// For rings or trees of which `channels` run. opened: nccl_ring_channels of them. bytes: the
/// buffer of each rank, which all channels share.
NcclUse nccl_ring_use(const NcclGroup& group, Operation operation, NcclProtocol protocol,
                      const NcclChannels& opened, std::int64_t channels, double bytes);
/// Without the correction by size: chunks in a pipeline are what it stands for.
NcclUse nccl_tree_use(const NcclGroup& group, NcclProtocol protocol, const NcclChannels& opened,
                      std::int64_t channels);

/// The channels on which NVLS runs for a group.
NcclChannels nvls_channels(const CollectiveRequest& request, std::int64_t group);
/// Hops of TreeStyle::nvls, half of the buffer in each of two trees.
NcclUse nccl_nvls_use(const NcclGroup& group, const NcclChannels& channels);

/// What is said of a protocol that was chosen.
std::string protocol_text(const Fabric& fabric, NcclProtocol protocol);

}  // namespace lockstep
