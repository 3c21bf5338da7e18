#pragma once

#include <cstdint>
#include <string>

#include "engine/run/plan.hpp"

namespace lockstep {

/// Who runs a study.
struct Runner {
  int threads = 1;         ///< of each task
  std::int64_t tasks = 1;  ///< that share the blocks, a shard each
  bool plans = true;       ///< each task; else it is given what was found (run --points)
};

/// What a run is expected to take, from steps timed here and now. No result depends on it.
struct RunEstimate {
  double seconds = 0;            ///< of one task [s]
  double block_seconds = 0;      ///< of a block of the slowest design point [s]
  std::size_t slowest = 0;       ///< that design point
  double memory = 0;             ///< largest, of a task's process [B]
  std::int64_t points = 0;       ///< design points timed; 0: from the plan's figures alone
  std::int64_t steps = 0;        ///< timed, at all of them together
  double measuring_seconds = 0;  ///< that this took [s]
};

/// Times some steps of the cheapest and of the costliest design points of each kind of topology,
/// and whole trials where they are short enough, on one thread, for about `budget_seconds`; the
/// others by the plan's cost figures, scaled as at the timed points next to them. A point of which
/// one step would take longer than what is left is not timed. `planning_seconds`: what the plan
/// took, which each task that plans makes again, and the points once more that it does not keep.
RunEstimate estimate_run(const Plan& plan, const Runner& runner, double planning_seconds,
                         double budget_seconds);

/// "Run time about 4 min with 2 threads, memory about 97 MB (...)", with what was measured, and a
/// line on the blocks, of which slurm/submit.sh takes the seconds.
std::string estimate_text(const Plan& plan, const RunEstimate& estimate, const Runner& runner);

}  // namespace lockstep
