#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/reliability/long_runs.hpp"
#include "engine/serving/cell/cell.hpp"
#include "engine/serving/fleet/fleet_cells.hpp"

namespace lockstep {

class Jobs;

/// Replicas that go down with the nodes that fail in the long runs of this trial's training jobs,
/// whatever reliability.horizon (nodes with idle chips alone do not fail). Another node is at hand:
/// it serves, as fast, after reliability.detection_time and serving.reload_time. Failures of a
/// replica that is down change nothing: a counter with a dead time D (Cox, Renewal Theory, 1962).
///
/// All is up when the long runs begin, and a trial begins `past` later, when as many replicas are
/// down as ever: 10 D (1 + x) with x failures of a replica's nodes in D. What is left then of the
/// first state are modes e^(z t / D), z = -x (1 - e^-z), below e^-6 up to x = 30, where failures
/// are Poisson.
class CellFailures {
 public:
  /// `chips` (generations) of a replica. Throws InputError where failures are too many to follow.
  CellFailures(const Jobs& jobs, double reload_time, std::span<const std::int64_t> chips);

  /// Of the long runs, before the trial begins [s].
  double past() const { return past_; }
  /// Failures and restorations before `end` [s], in order of time; at 0 those of replicas that are
  /// down as the trial begins.
  std::vector<CellChange> of(std::span<const ReplicaPlace> places, std::uint32_t trial,
                             double end) const;

 private:
  std::vector<std::uint32_t> identities_;  // (generations) high part of chips' identities
  std::vector<PreparedLongRun> runs_;
  double down_time_ = 0, past_ = 0;
};

}  // namespace lockstep
