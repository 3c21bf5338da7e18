#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "engine/model/reliability.hpp"

namespace lockstep {

/// What wall time is lost to.
enum class LossCause { checkpoint, lost_work, detection, restart, waiting, shrunk };
inline constexpr std::array<std::string_view, 6> loss_causes{"checkpoint", "lost_work", "detection",
                                                             "restart",    "waiting",   "shrunk"};

/// What a long run needs to know of a job in one trial.
struct LongRunJob {
  std::int64_t nodes = 0;
  std::int64_t nodes_per_unit = 1;  ///< that leave the job and are replaced together
  bool reconfigures_ocs = false;    ///< at every restart
  std::int64_t ranks = 0, replicas = 1;
  double step_time = 0;  ///< mean of the trial's recorded steps [s], above 0
};

/// What one trial gives over its horizon. Useful time is that of the steps kept, and with
/// `time_lost` it makes the horizon.
struct LongRun {
  double goodput = 0;                                  ///< useful step time over wall time
  double interruptions = 0;                            ///< failures of nodes of the job
  double mean_time_between_interruptions = 0;          ///< [s]; NaN where there was none
  std::array<double, loss_causes.size()> time_lost{};  ///< by LossCause [s]
  double spares_used = 0;                              ///< the most at the same time
  double steps_done = 0;                               ///< whole steps kept
};

/// Follows the job over the horizon, from failure to failure. It computes whole numbers of steps,
/// each the trial's mean step, and after steps_between_checkpoints of them stalls for a checkpoint.
/// A failure loses what was computed since the last complete checkpoint (the stall it cuts short
/// counts as checkpoint); then come detection, waiting until every place has a node, and restart. A
/// failure in any of these begins them again.
///
/// Nodes leave and are replaced in units, which consecutive nodes form; a unit is whole again when
/// its failed node is repaired. A spare takes a unit's place at once where one is free (spares /
/// nodes_per_unit whole units are), else the next that is repaired; otherwise repaired units become
/// spares. A place without a unit cannot fail; nodes fail while the job stands still, idle spares
/// do not. At the horizon steps since the last checkpoint are kept, the step that it cuts is lost
/// work.
///
/// With policy shrink there is no waiting while a replica is left: nodes at hand fill as many
/// replicas as they can, a step takes longer by replicas / those left (the batch stays, its
/// communication is taken to take as long), and the restart after a later failure takes the nodes
/// that were repaired meanwhile. What steps take longer is lost to `shrunk`.
/// Draws: those of NodeFailures (Purpose::node_failure), and one a failure (Purpose::repair,
/// entity 0, draw = the failure's number). Cost: 0.1 us a failure, and a move in the list of nodes
/// in repair.
LongRun run_over_horizon(const Reliability& reliability, const LongRunJob& job, std::uint64_t seed,
                         std::uint32_t trial);

}  // namespace lockstep
