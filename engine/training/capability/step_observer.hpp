#pragma once

#include <cstdint>
#include <span>

namespace lockstep {

class DesignPoint;
class StageDelay;

/// What every chip of a job did in one step. Spans are (groups, replicas) where nothing else is
/// said, times count from the latest finish of the step before [s]: a chip begins at `start`,
/// computes for `busy` of the time until the step's messages end at `finish` (which bubbles and
/// faster members leave it), and waits until `next`, when the job goes on. They end with the call.
struct StepView {
  const DesignPoint& job;
  std::int64_t step;              ///< recorded, from 0
  double begin;                   ///< latest finish of the step before, since the trial began [s]
  bool synchronizes;              ///< ends with the data-parallel phases
  double end;                     ///< latest finish
  std::span<const double> start;  ///< empty: all at 0
  /// Each chip's own compute (GroupSteps::chips), the optimizer's update too.
  std::span<const double> busy;
  std::span<const double> ready;  ///< enters the data-parallel phases; of synchronizing steps
  std::span<const double> finish;
  std::span<const double> compute_begin;  ///< (replicas) of the pipeline's schedule
  std::span<const double> compute_end;    ///< (replicas)
  std::span<const double> microbatch;     ///< (replicas) what one takes on the slowest stage [s]
  /// What lengthened the step, and has seen it; nullptr: Scenario::stage_delay is null.
  const StageDelay* delay;
};

/// Looks into the steps of one trial without their being stored. A thread of its own trial calls.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void see(const StepView& step) = 0;
};

}  // namespace lockstep
