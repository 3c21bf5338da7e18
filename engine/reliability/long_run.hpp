#pragma once

#include <cstdint>

#include "engine/base/execution.hpp"
#include "engine/base/random.hpp"
#include "engine/reliability/long_run_job.hpp"
#include "engine/reliability/loss_cause.hpp"
#include "engine/reliability/members/step_times.hpp"
#include "engine/reliability/reliability.hpp"
#include "engine/reliability/timeline.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose repair{16};
}  // namespace purpose

/// What one trial gives over its horizon. Useful time is that of the steps kept, and with
/// `time_lost` it makes the horizon.
struct LongRun {
  double goodput = 0;                          ///< useful step time over wall time
  double interruptions = 0;                    ///< of the job or its restart, planned ones too
  double mean_time_between_interruptions = 0;  ///< [s]; NaN where there was none
  LostTime time_lost{};                        ///< by LossCause [s]
  double spares_used = 0;                      ///< nodes; the most at the same time
  double steps_done = 0;                       ///< whole steps kept
  double checkpoint_interval = 0;  ///< computing between checkpoints [s]; NaN where there are none
};

/// Follows the job over the horizon, from failure to failure. It computes whole numbers of steps
/// and after steps_between_checkpoints of them stalls for a checkpoint. A failure loses what was
/// computed since the last complete checkpoint (the stall it cuts short counts as checkpoint); then
/// come detection, waiting until every place has a node, and restart. A failure in any of these
/// begins them again. A planned end comes after a checkpoint of its own, and nothing has to be
/// detected.
///
/// Nodes leave and are replaced in units, which consecutive nodes form (spares / nodes_per_unit
/// whole ones stand by); a unit is whole again when its failed node is repaired. Units says which
/// unit fills a place, and when. A place without a unit cannot fail; nodes fail while the job
/// stands still, idle spares do not. What steps take follows from who is in the job (StepTimes):
/// what they take longer than `step_times.step_time()` at first is lost to `slow_members`; shorter
/// ones count as they are. With straggler_detection_time a straggler leaves the job, as
/// planned, so long after the job with it began to run. At the horizon steps since the last
/// checkpoint are kept, the step that it cuts is lost work.
///
/// With policy shrink there is no waiting while a replica is left: nodes at hand fill as many
/// replicas as they can, and the restart after a later failure takes the nodes that were repaired
/// meanwhile; before that these do not fail. What steps of fewer replicas take longer is lost to
/// `shrunk`.
///
/// A link flap makes the step wait that it begins in (flap_delay); nothing is lost but that time.
/// Draws: those of Failures, and of purpose::repair one a failure that takes nodes away (entity: 0
/// for nodes and their domains, 2 + FailureCause for others; draw = its number), the same for all
/// of its nodes, and one a straggler that leaves (entity 1). Cost: 0.1 us a failure, and a move in
/// the list of nodes in repair. With `timeline` what the run meets is written there. Throws
/// Interrupted where it is given up.
LongRun run_over_horizon(const Reliability& reliability, const LongRunJob& job,
                         StepTimes& step_times, std::uint64_t seed, std::uint32_t trial,
                         const Execution& how, Timeline* timeline = nullptr);

}  // namespace lockstep
