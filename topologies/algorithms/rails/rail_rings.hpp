#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/ring/ring_method.hpp"
#include "topologies/wiring/rail_layout.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

/// What a chunk takes of the hop across into each place of one group, (rails, clusters) [s].
struct RailHops {
  std::vector<double> latency, gap;  ///< latency with serialization
};

/// The messages across of one group: a chunk's rails after each other, each row after row.
struct RailRingNumbering : RailNumbering {
  std::int64_t clusters, rail_rows;

  std::int64_t rail(std::int64_t chunk, std::int64_t rail, std::int64_t row) const {
    return crossing() + chunk * across + (rail * rail_rows + row) * clusters;
  }
};

/// The operations of hierarchical_ring.hpp.
class RailRings final : public Collective {
 public:
  explicit RailRings(const CollectiveRequest& request);

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override;
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string warning() const override { return method_.warning; }
  bool extrapolated() const override { return false; }
  std::string choice() const override;
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class RailRingsTrial;
  friend class RailRingsGraph;

  std::int32_t chip(std::int64_t group, std::int64_t place) const {
    return static_cast<std::int32_t>(group * ranks_) +
           grids_[static_cast<std::size_t>(group)].member[static_cast<std::size_t>(place)];
  }
  RailRingNumbering numbering(const RailLayout& grid) const {
    const std::int64_t rows = operation_.laps() * (grid.clusters - 1);
    return {
        {grid, operation_, chunks(grid), grid.rails * rows * grid.clusters}, grid.clusters, rows};
  }
  /// One where rails run through a domain, on the port of what would go on beside them.
  std::int64_t chunks(const RailLayout& grid) const {
    return grid.splits ? 1 : chunks_[static_cast<std::size_t>(&grid - grids_.data())];
  }

  /// Hops under a trial's slow links: a slow NIC slows the hops between domains into and out of it.
  RailHops hops(std::int64_t group, const LinkState& links) const;

  /// The rail hops of all groups, then a hop inside each cluster of all groups.
  std::vector<Flow> flows() const;

  /// Takes the protocol and each group's number of chunks of least noise-free time.
  void choose(const CollectiveRequest& request);
  void take(NcclProtocol protocol, const CollectiveRequest& request,
            const std::vector<Flow>& flows);
  void keep_hops(const std::vector<Hop>& hops);
  /// A group cannot be faster with that many chunks [s].
  double least_time(std::int64_t group, std::int64_t chunks) const;
  /// (groups) the first that takes as long as each, its hops being alike.
  std::vector<std::size_t> groups_alike() const;
  /// Each group's number of chunks of least noise-free time, under the protocol as it is taken.
  /// Returns the slowest group's time [s].
  double choose_chunks(std::span<const std::int64_t> open);

  /// Of a message inside a cluster, and on a rail [B].
  double inside_bytes(const RailLayout& grid) const;
  double rail_bytes(const RailLayout& grid) const {
    return inside_bytes(grid) / static_cast<double>(grid.clusters);
  }
  std::int64_t ranks_, groups_;
  std::vector<std::int64_t> chunks_;  // (groups)
  RailOperation operation_;
  double scalar_time_, bytes_, base_latency_ = 0, inside_latency_ = 0;
  std::string protocol_;
  RingMethod method_;
  std::vector<RailLayout> grids_;                 // (groups)
  std::vector<std::vector<Hop>> hops_;            // (groups), (rails, clusters) into each place
  std::vector<std::vector<double>> inside_rate_;  // (groups), (clusters) [s/B]
};

}  // namespace lockstep
