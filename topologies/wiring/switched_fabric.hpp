#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/wiring/nccl/tuning_table.hpp"

namespace lockstep {

/// A flow that all groups of a job keep up at once; ends are chip indices of the layout.
struct Flow {
  std::int32_t source = 0, destination = 0;
  double sharing = 1;   ///< equal flows on the busier of its two ports that way, itself too
  std::size_t use = 0;  ///< which use of the ports it is
};

/// What one hop costs.
struct Hop {
  double latency = 0;    ///< [s]
  double bandwidth = 1;  ///< [B/s]
  Tier tier = Tier::leaf;
  bool operator==(const Hop&) const = default;
};

/// How an algorithm uses the ports: latencies per hop class, share of a link it gets to use.
struct PortUse {
  double scale_up_latency = 0, network_latency = 0;       ///< [s]
  double bandwidth_factor = 1;                            ///< of the protocol
  double most = std::numeric_limits<double>::infinity();  ///< that a flow moves [B/s]
  bool operator==(const PortUse&) const = default;
};

/// What a flow meets between its ends, whatever it makes of the ports.
struct Wire {
  double latency = 0;    ///< beside that of the ports [s]
  double bandwidth = 1;  ///< its share [B/s]
  Tier tier = Tier::leaf;
  bool operator==(const Wire&) const = default;
};

/// The hop that a use of the ports makes of a wire.
Hop hop_on(const Wire& wire, const PortUse& use);

/// A switched fabric (leaf switches, pods, core) whose uplinks carry some load.
class LoadedFabric {
 public:
  /// Without load.
  explicit LoadedFabric(const CollectiveRequest& request);
  /// Adds a flow that is on for `share` of the time.
  void add(const Flow& flow, double share = 1);
  /// bandwidth = min(NIC share, capacity of the uplink / flows that cross it). Under one scale-up
  /// domain a flow takes NVLink. With a uniform fabric every wire is its hop.
  Wire wire(const Flow& flow) const;
  /// Its hop; a uniform fabric knows no use.
  Hop hop(const PortUse& use, const Flow& flow) const {
    return hop_on(wire(flow), fabric_.uniform() ? PortUse{} : use);
  }

 private:
  /// Flows that leave and enter each switch of one layer.
  struct Uplinks {
    double chips = 1;  ///< a switch
    std::vector<double> up, down;

    void add(std::int32_t source, std::int32_t destination, double flows) {
      up[static_cast<std::size_t>(source)] += flows;
      down[static_cast<std::size_t>(destination)] += flows;
    }
    /// Bandwidth each flow gets where both its ends' uplinks are shared evenly [B/s].
    double share(std::int32_t source, std::int32_t destination, double injection,
                 double oversubscription) const {
      const double busiest = std::max(up[static_cast<std::size_t>(source)],
                                      down[static_cast<std::size_t>(destination)]);
      return chips * injection / oversubscription / busiest;
    }
  };

  /// Where a chip stands and what its ports carry.
  struct End {
    std::int32_t leaf, pod, domain;
    double scale_up, injection;  ///< [B/s]
  };
  const End& end(std::int32_t chip) const { return ends_[static_cast<std::size_t>(chip)]; }

  Fabric fabric_;
  std::vector<End> ends_;  // (chips)
  Uplinks leaf_, pod_;
};

/// Costs of hops when all `flows` are on at once.
std::vector<Hop> route(const CollectiveRequest& request, std::span<const PortUse> uses,
                       std::span<const Flow> flows);
/// Where all flows are one use.
std::vector<Hop> route(const CollectiveRequest& request, const PortUse& use,
                       std::span<const Flow> flows);

/// The wires of some flows, each kind once: fabrics have few.
struct FlowWires {
  std::vector<Wire> kinds;
  std::vector<std::int32_t> kind;  ///< (flows)
};
/// Shows every flow to its argument, in order.
using FlowList = std::function<void(const std::function<void(const Flow&)>&)>;
/// Wires of flows that are all on at once, gone through twice and not kept. Between domains
/// `sharing` is counted; on a uniform fabric all are such: a chip has one port. beside: on as well,
/// and not asked for.
FlowWires wires_of(
    const CollectiveRequest& request, const FlowList& flows,
    const FlowList& beside = [](const auto&) {});

/// The ranks of one group by scale-up domain, domains in the order of their first ranks. Mixed
/// fleets leave ranks of one domain apart; they meet here, for only then do trees and rings enter
/// a domain once and leave it once.
struct DomainClusters {
  std::vector<std::int32_t> begins;   ///< first place of each cluster in `members`, then the ranks
  std::vector<std::int32_t> members;  ///< (ranks)
  std::int32_t count() const { return static_cast<std::int32_t>(begins.size()) - 1; }
  std::int32_t size(std::int32_t cluster) const {
    return begins[static_cast<std::size_t>(cluster) + 1] -
           begins[static_cast<std::size_t>(cluster)];
  }
  /// The rank `place` places on from the first of the cluster, around it.
  std::int32_t member(std::int32_t cluster, std::int64_t place) const {
    return members[static_cast<std::size_t>(begins[static_cast<std::size_t>(cluster)] +
                                            place % size(cluster))];
  }
  bool operator==(const DomainClusters&) const = default;
};
DomainClusters domain_clusters(const Layout& layout, std::int64_t group);

/// The fewest ranks that a group has in a domain.
std::int64_t smallest_cluster(const Layout& layout, std::int64_t group);

/// Channels of each group: topology.channels, or as many as the group has ranks, and so NICs, in
/// every domain, at most what NCCL opens; 1 on a uniform fabric, where channels share the port
/// evenly. Channel c enters and leaves a domain at its ranks c and c - 1 modulo its size, so that
/// more channels than ranks double up there.
std::vector<std::int64_t> resolve_channels(const CollectiveRequest& request);

/// "1 channel", or "1 to 4 channels".
std::string count_text(std::span<const std::int64_t> counts, std::string_view noun);

/// The protocols that fabric.protocol leaves open; one, which says nothing, on a uniform fabric.
std::span<const NcclProtocol> open_protocols(const Fabric& fabric);

/// A few bytes over all chips by a tree: chain inside the node, binary tree over nodes, there and
/// back, at LL latency. Source: NCCL 2.30, src/graph/tuning.cc (tree latency).
double scalar_tree_time(const CollectiveRequest& request);

/// The parameter that ring and tree share.
const Parameter& channels_parameter();

/// The parameter that kinds that pipeline share.
const Parameter& chunks_parameter();

/// The numbers of chunks that topology.chunks leaves open: powers of two up to 256, for finer
/// pipelining gains less than 4 % on the catalogue's fabrics at any size. None that makes chunks
/// smaller than least_chunk is of least time, as each takes that long all the same.
std::vector<std::int64_t> open_chunks(const CollectiveRequest& request);

}  // namespace lockstep
