#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/ring/ring_method.hpp"
#include "topologies/wiring/rail_layout.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

/// Costs of one group's hops across into each place, (rails, clusters).
struct RailHops {
  std::vector<double> latency, gap;  ///< [s]; latency with serialization in a trial
  std::vector<Tier> tier;
};

/// The all-reduce of hierarchical_ring.hpp.
class RailAllReduce final : public Collective {
 public:
  explicit RailAllReduce(const CollectiveRequest& request);

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override { return messages_; }
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  bool extrapolated() const override { return false; }
  std::string choice() const override;
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class RailTrial;

  // First rows of the phases, see hierarchical_ring.hpp.
  static std::int64_t inside_row(const RailLayout& grid) { return grid.folds ? 1 : 0; }
  static std::int64_t rail_row(const RailLayout& grid) { return inside_row(grid) + grid.rails - 1; }
  static std::int64_t gather_row(const RailLayout& grid) {
    return rail_row(grid) + 2 * (grid.clusters - 1);
  }
  static std::int64_t unfold_row(const RailLayout& grid) {
    return gather_row(grid) + grid.rails - 1;
  }

  std::int32_t chip(std::int64_t group, std::int64_t place) const {
    return static_cast<std::int32_t>(group * ranks_) +
           grids_[static_cast<std::size_t>(group)].member[static_cast<std::size_t>(place)];
  }

  /// Hops under a trial's slow links: a slow NIC slows the hops between domains into and out of it.
  RailHops hops(std::int64_t group, const LinkState& links) const;

  /// The rail hops of all groups, then a hop inside each cluster of all groups.
  std::vector<Flow> flows() const;

  /// Takes the protocol of least noise-free time.
  void choose_protocol(const CollectiveRequest& request);
  void take(NcclProtocol protocol, const CollectiveRequest& request,
            const std::vector<Flow>& flows);

  void keep_hops(const std::vector<Hop>& hops);

  /// Of a message inside a cluster, and on a rail [B].
  double inside_bytes(const RailLayout& grid) const {
    return bytes_ / static_cast<double>(grid.rails);
  }
  double rail_bytes(const RailLayout& grid) const {
    return inside_bytes(grid) / static_cast<double>(grid.clusters);
  }

  std::int64_t ranks_, groups_, messages_ = 0;
  double scalar_time_, bytes_, base_latency_ = 0, inside_latency_ = 0;
  double inside_messages_ = 0;
  std::string protocol_;
  RingMethod method_;
  std::vector<RailLayout> grids_;                 // (groups)
  std::vector<RailHops> hops_;                    // (groups), without slow links, latency alone
  std::vector<std::vector<double>> inside_rate_;  // (groups), (clusters) [s/B]
};

}  // namespace lockstep
