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
/// at the same times (reliability.horizon; nodes with idle chips alone do not fail). Another node
/// is at hand: it serves, as fast, after reliability.detection_time and serving.reload_time.
class CellFailures {
 public:
  CellFailures(const Jobs& jobs, double reload_time);

  /// Failures and restorations before `end` [s], in order of time.
  std::vector<CellChange> of(std::span<const ReplicaPlace> places, std::uint32_t trial,
                             double end) const;

 private:
  std::vector<std::uint32_t> identities_;  // (generations) high part of chips' identities
  std::vector<PreparedLongRun> runs_;
  double down_time_ = 0;
};

}  // namespace lockstep
