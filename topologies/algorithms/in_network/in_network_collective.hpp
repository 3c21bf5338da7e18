#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/in_network/switch_forest.hpp"
#include "topologies/wiring/nccl/tuning_model.hpp"
#include "topologies/wiring/rail_layout.hpp"

namespace lockstep {

/// One group's ranks and switches, and what their hops cost without slow links.
struct InNetworkGroup {
  RailLayout grid;
  SwitchForest forest;
  std::vector<double> latency, rate;  ///< (vertices) of the hop to the parent [s], [s/B]
  std::vector<double> inside_rate;    ///< (clusters) of hops over NVLink [s/B]
  double exchanged = 1;               ///< share of a piece that passes a port for each peer
};

/// The messages across of one group: all chunks' hops up, then all chunks' hops down, by the lower
/// vertex.
struct InNetworkNumbering : RailNumbering {
  std::int64_t vertices;

  std::int64_t up(std::int64_t chunk) const { return crossing() + chunk * vertices; }
  std::int64_t down(std::int64_t chunk) const { return up(chunks) + chunk * vertices; }
};

/// What a chunk takes of the hop between each vertex and its parent one way, (vertices) [s].
struct InNetworkHops {
  std::vector<double> gap, latency;  ///< latency with serialization
};

/// The operations of switch_reduce.hpp.
class InNetworkCollective final : public Collective {
 public:
  explicit InNetworkCollective(const CollectiveRequest& request);

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override;
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  bool extrapolated() const override { return false; }
  std::string choice() const override;
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class InNetworkTrial;
  friend class InNetworkGraph;

  double latency(Tier tier) const { return tier_latency_[static_cast<std::size_t>(tier)]; }
  InNetworkNumbering numbering(const InNetworkGroup& group) const;
  /// Under a trial's slow links.
  InNetworkHops hops(std::int64_t group, const LinkState& links, bool up) const;

  /// Of a message inside a domain [B].
  double piece_bytes(const InNetworkGroup& group) const;
  /// What passes an NVLink port for each peer, one way, in one exchange of a chunk [B].
  double exchanged_bytes(const InNetworkGroup& group) const;
  /// Of a chunk on the hop above a vertex [B], whose pieces are so large.
  double hop_bytes(const InNetworkGroup& group, double piece, std::size_t vertex, bool up) const;
  /// Latency of a message inside a domain [s].
  double inside_latency(const InNetworkGroup& group) const;

  void keep_hops(const CollectiveRequest& request);
  /// An all-reduce by NVLS, whose switch adds and multiplies: ranks + 1 pieces pass a port there
  /// and back, where two exchanges pass 2 (ranks - 1). Returns the rate of a port, of NCCL's
  /// channels [B/s]; 0 where exchanges are faster.
  double reduce_inside(const CollectiveRequest& request, std::int64_t group);
  /// The number of chunks of least noise-free time.
  void choose_chunks(const CollectiveRequest& request);
  /// A few bytes up to the top of the tree over all chips of the job, and back.
  void set_scalar_time(const CollectiveRequest& request, const LeafSwitches& leaves);

  std::int64_t ranks_, chunks_ = 1;
  RailOperation operation_;
  double bytes_, base_latency_ = 0, scalar_time_ = 0;
  bool uniform_;
  std::array<double, tier_count> tier_latency_{};
  std::vector<InNetworkGroup> groups_;
};

}  // namespace lockstep
