#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/ring/ring_laps.hpp"

namespace lockstep {

/// A ring that a group goes round with a part of its buffer.
struct RingChannel {
  const RingLaps* laps;
  const std::int32_t* order;  ///< (ranks): the rank at each position
  double start_up;            ///< [s]
};

/// LatestFinish of groups whose channels are rings beside one another, their messages numbered
/// channel after channel: RingLatest on each with late messages, and the pass against time for all
/// that is not late, both made where a group is asked for first. Where messages are late by the
/// thousand, the kernels cost less and are used.
class RingsLatest final : public LatestFinish {
 public:
  /// `groups`: the channels of each, of one `trial`, which they must not outlive.
  RingsLatest(const CollectiveTrial& trial, std::vector<std::vector<RingChannel>> groups,
              std::int64_t ranks, std::int64_t messages_per_group, const double* after);

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* latest) const override;

 private:
  struct Group {
    std::once_flag once;
    std::vector<RingLatest> rings;  // (channels)
  };
  /// Of one group, whose row of cost_ is filled, too.
  const std::vector<RingLatest>& rings(std::int64_t number) const;
  /// The longest chain through late messages of a group.
  double through_late(std::int64_t number, SpikeSequence& spikes, const double* ready,
                      RingLatest::Scratch& scratch) const;

  const CollectiveTrial& trial_;
  std::vector<std::vector<RingChannel>> channels_;  // of each group
  std::int64_t ranks_, messages_;
  const double* after_;
  std::unique_ptr<Group[]> groups_;
  std::unique_ptr<double[]> cost_;  // (groups, ranks) of run_back [s]
};

}  // namespace lockstep
