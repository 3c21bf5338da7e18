#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {

/// reduce_scatter and all_gather by PAT, parallel aggregated trees (Jeaugey, arXiv 2506.20252; NCCL
/// from 2.23 on): every rank's part spreads over a binomial tree of its own, all trees at once and
/// shifted by a rank, the longest hops first. all_gather of n ranks takes ceil(log2(n)) rounds of
/// distances D = ..., 4, 2, 1: rank r sends to r + D, in one message, the parts of the ranks r - o
/// for o = 0, 2 D, 4 D, ... with o + D < n. reduce_scatter is its mirror: distances 1, 2, 4, ...,
/// from r to r - D. A message waits for the last that brought some of what it holds; a NIC sends
/// and receives one after another.
///
/// After Simple's start-up for PAT a message of c parts takes c parts' bytes at 0.75 of the port's
/// rate, network latency / 3.5 and 2.8 us for each part, NCCL's linear term, of which the start-up
/// has one more for its own (NCCL 2.30, src/graph/tuning.cc, whose log2 is rounded down). On equal
/// hops at most ceil(log2(n)) latency + (n - 1) / n bytes / bandwidth, and that where n is a power
/// of two. Rounds load the uplinks one by one. NCCL splits what outgrows its buffers into more
/// rounds; here none is split.
///
/// Message number = round x ranks + the rank that gets it. Cost: ranks log2(ranks) messages.
class PatExchange final : public Collective {
 public:
  explicit PatExchange(const CollectiveRequest& request);

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override {
    return static_cast<std::int64_t>(rounds_.size()) * ranks_;
  }
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string choice() const override;
  bool extrapolated() const override { return false; }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class PatTrial;

  struct Round {
    std::int64_t shift = 0;  ///< rank r sends to (r + shift) mod ranks
    double parts = 0;        ///< in each message
    std::int64_t input = 0;  ///< the round whose message it waits for, or -1
  };
  /// What a message costs, latency without the gap [s].
  struct Cost {
    double latency, gap;
  };
  struct HealthyHop {
    Cost cost;
    Tier tier;
  };

  void plan_rounds(bool gathers);
  std::int32_t chip(std::int64_t group, std::int64_t rank) const {
    return static_cast<std::int32_t>(group * ranks_ + rank);
  }
  std::int64_t receiver(const Round& round, std::int64_t rank) const {
    return (rank + round.shift) % ranks_;
  }
  /// On the links of a trial.
  Cost cost(std::size_t round, std::int64_t group, std::int64_t source,
            const LinkState& links) const;

  std::int64_t ranks_, groups_;
  double part_bytes_, scalar_time_, base_latency_ = 0, part_latency_ = 0;
  std::vector<Round> rounds_;
  std::vector<std::vector<HealthyHop>> hops_;  // (rounds, chips) by the chip that sends
  std::string protocol_;
};

}  // namespace lockstep
