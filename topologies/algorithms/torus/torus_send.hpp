#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/wiring/torus_groups.hpp"
#include "topologies/wiring/torus_links.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// Every rank's buffer to the next one of its group on a torus, the last one's to nobody. The next
/// rank is one hop away, and where a line of the group's grid ends one more in the dimension
/// before; on a line without the hop from end to beginning the way leads all along it back. No
/// other message of the group takes these links. A message takes the latencies of its hops and its
/// bytes on the slowest. Message number = rank that gets it. Cost: some ns a rank.
class TorusSend final : public Collective {
 public:
  TorusSend(const CollectiveRequest& request, const TorusShape& shape,
            std::int64_t largest_published);

  int links_per_chip() const override { return links_.links_per_chip(); }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override { return groups_.grid().ranks(); }
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string choice() const override { return choice_; }
  bool extrapolated() const override { return extrapolated_; }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class TorusSendTrial;
  struct Hop {
    std::size_t dimension;
    bool forward;
    std::int64_t into;  ///< rank
  };
  /// From the rank before.
  std::vector<Hop> way_to(std::int64_t rank) const;
  double latency_to(std::int64_t rank) const;  ///< [s]
  /// Of the slowest hop [s/B].
  double rate_to(const TorusRates& rates, std::int64_t group, std::int64_t rank) const;

  TorusGroups groups_;
  TorusLinks links_;
  double bytes_;
  double scalar_time_;
  std::string choice_;
  bool extrapolated_;
};

}  // namespace lockstep
