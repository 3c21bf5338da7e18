#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace lockstep {

class DesignPoint;

/// When the stages of a step computed, in what StepView counts in [s].
struct StageSpans {
  /// (replicas) the pipeline's schedule, and what a microbatch takes on the slowest stage.
  std::span<const double> compute_begin, compute_end, microbatch;
  double end;                          ///< latest finish
  std::span<const double> next_start;  ///< (groups, replicas) after `end`; empty: all at 0
  bool synchronized, next_synchronizes;
};

/// What lengthens a job's compute beyond its chips' own speed by what the chips did before, in one
/// trial: state carried from step to step.
class StageDelay {
 public:
  virtual ~StageDelay() = default;
  /// Before a step: adds to what all microbatches take on a stage, (pipeline, replicas) [s].
  virtual void delay(std::span<double> stage_time) = 0;
  /// Of that, what chips of each generation computed longer (generations) [chip s].
  virtual std::span<const double> busy() const = 0;
  /// The same of every chip, added to busy (groups, replicas) [s].
  virtual void add_to_chips(std::span<double> busy) const = 0;
  /// After the step.
  virtual void see(const StageSpans& step) = 0;
};

/// Begins a trial of a job.
using BeginStageDelay =
    std::shared_ptr<const std::function<std::unique_ptr<StageDelay>(const DesignPoint& job)>>;

}  // namespace lockstep
