#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/model/collective.hpp"
#include "topologies/torus_shape.hpp"

namespace lockstep {

/// All-reduce on a 3-D torus, dimension by dimension, for strided data-parallel sub-tori.
///
/// The buffer is split evenly over the orders of the dimensions (rotations of those longer than 1)
/// and the two directions, so that all links work. Each part reduce-scatters along its first
/// dimension's rings, then its second's on what is left, then its third's, and all-gathers back in
/// reverse. In each phase every order is in another dimension; a link that an order's phase enters
/// late takes it up when the phase before on that link is through. A hop of a group spans `box`
/// links and shares each with the `box` groups on its line: latency x box, bandwidth / box.
///
/// Equal hops, equal sides, all ready: 2 sum (d - 1) a + 2 (P - 1) / P n / (6 B). Source: the
/// bucket algorithm of Jain and Sabharwal, "Optimal bucket algorithms for large MPI collectives on
/// torus interconnects" (ICS'10). Cost: 2 x 6 (d1 + d2 + d3 - 3) rows of n messages a group, each
/// row numbered in the order phase, order, direction, step; message number = row n + rank.
class TorusAllReduce final : public Collective {
 public:
  /// `largest_published`: chips of the largest machine of the kind that was published.
  TorusAllReduce(const CollectiveRequest& request, const TorusShape& shape,
                 std::int64_t largest_published);

  int links_per_chip() const override { return 3; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override { return rows_ * ranks_; }
  double cost_per_step(const Noise& noise) const override {
    // 3e9 messages/s on one AVX-512 core.
    return static_cast<double>(groups_ * messages_per_group()) *
           (noise.hop_jitter.is_none() ? 3.0 : jittered_message_cost);
  }
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string choice() const override;
  bool extrapolated() const override;
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class TorusTrial;

  /// One pass of one part along one dimension.
  struct Phase {
    std::size_t part;  ///< order * 2 + direction
    std::size_t dimension;
    bool forward;
    double bytes;            ///< of one message
    std::int64_t first_row;  ///< number of its first row of messages
  };

  /// [s/B] of the hop into each chip, by dimension and direction (forward first): (groups, ranks).
  using HopRates = std::array<std::array<std::vector<double>, 2>, 3>;

  HopRates hop_rates(const LinkState& links) const;
  double slowest_cable(std::span<const double> link_factor, std::size_t dimension,
                       std::int64_t group, std::int64_t rank) const;
  std::int64_t neighbour(std::int64_t rank, std::size_t dimension, bool before) const;
  void plan_phases(double bytes);

  TorusShape shape_;
  std::int64_t largest_published_;
  std::array<std::int64_t, 3> sides_;   ///< of a group's sub-torus
  std::array<std::int64_t, 3> stride_;  ///< of each dimension in a group's ranks
  std::int64_t ranks_, groups_, rows_ = 0;
  std::array<double, 3> hop_latency_{};
  std::array<std::vector<double>, 3> hop_rate_;  ///< forward, without slow links
  double scalar_time_ = 0;
  std::size_t parts_ = 0;
  std::vector<Phase> phases_;
};

/// The parameter that static and optical torus share.
const Parameter& torus_shape_parameter();

}  // namespace lockstep
