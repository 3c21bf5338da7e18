#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/torus/twisted/twisted_routes.hpp"
#include "topologies/wiring/torus_links.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// All-to-all of all chips of a twisted torus. Each block takes all its shortest paths in equal
/// shares, hop by hop: in step s every chip sends each way one message, the s-th hop of all that
/// goes on there, when it has all messages of the step before; a link carries its messages in the
/// order of steps. Equal hops, all ready: diameter latencies and, each way alike, the mean distance
/// / 6 of the buffer: 0.5729 of it on 4x4x8 and 0.7188 on 4x8x8, both 1 without the twist (1.75 and
/// 1.39 times; measured 1.63 and 1.31, Jouppi et al., TPU v4, section 2.8). Message number = row n
/// + rank into which; rows are steps, in them ways. Cost: some ns a message.
class TwistedExchange final : public Collective {
 public:
  /// The group is the whole torus.
  TwistedExchange(const CollectiveRequest& request, const TorusShape& shape,
                  std::int64_t largest_published);

  int links_per_chip() const override { return 3; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override {
    return static_cast<std::int64_t>(rows_.size()) * routes_.chips();
  }
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string choice() const override { return choice_; }
  bool extrapolated() const override { return extrapolated_; }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

  /// All chips alike and ready, every hop of a dimension its latency [s] and rate [s/B]: the whole
  /// exchange [s].
  static double noise_free_time(const TorusShape& shape, double bytes, const TorusFabric& fabric);

 private:
  friend class TwistedExchangeTrial;
  /// One message into every rank.
  struct Row {
    std::size_t step, way;
    double bytes;
  };
  using Rates = std::array<std::vector<double>, torus_ways>;

  /// By way, (ranks) of the hop into each [s/B].
  Rates rates(const LinkState& links) const;

  TorusGroups groups_;
  TwistedRoutes routes_;
  double latency_, scalar_time_;
  std::string choice_;
  bool extrapolated_;
  std::vector<Row> rows_;
  std::array<std::vector<std::int32_t>, torus_ways> from_;  ///< (ranks) whose message comes in
  std::array<std::vector<double>, 3> healthy_;              ///< (ranks) of the cable owned [s/B]
};

}  // namespace lockstep
