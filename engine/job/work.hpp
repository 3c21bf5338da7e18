#pragma once

#include <span>
#include <vector>

#include "engine/job/job.hpp"
#include "engine/machine/fleet.hpp"
#include "engine/machine/layout.hpp"

namespace lockstep {

/// Who computes how much in a step, before any noise.
struct Work {
  double tokens = 0;                 ///< of the whole batch as computed (whole microbatches)
  double flops = 0;                  ///< model FLOPs of a step; 0 with job.compute_time
  std::vector<double> microbatches;  ///< (replicas) whole
  /// (groups, replicas) compute of a step on a stage, recomputation included, at nominal speed x
  /// the relative speed of a measured fleet, all microbatches, no bubble [s]
  std::vector<double> chip_time;
};

/// Shares the batch out in whole microbatches, at least one a replica. Replicas that share
/// sequences (job.context neighbours) compute a part of each of their microbatches; those that
/// share experts (job.expert) run in step and have the same number of them. Equal: the remainder
/// goes to the first replicas. Proportional: the exact minimizer of the replicas' latest nominal
/// finish, PipelineSchedule::even_length over speed, a microbatch taking `beside` (generations) [s]
/// on top of its compute. A measured fleet's relative speeds are known to whoever shares the work:
/// a replica's nominal speed is its slowest chip's, relative speed included. With job.compute_time
/// the microbatches of a replica follow from 1,024 tokens a chip, at least one; without pipeline it
/// has one, and proportional shares are real-valued. Throws InputError when the batch has fewer
/// microbatches than the job has replicas, or these are no whole groups.
Work share_work(const Job& job, const Fleet& fleet, const Layout& layout,
                std::span<const double> beside = {});

}  // namespace lockstep
