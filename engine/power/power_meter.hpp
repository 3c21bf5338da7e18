#pragma once

#include <vector>

#include "engine/power/chip_power.hpp"
#include "engine/power/power_trace.hpp"
#include "engine/training/capability/step_observer.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// What the meter of a job needs and no step changes.
struct MeteredJob {
  MeteredJob(const DesignPoint& point, const Power& power);

  const DesignPoint* job;
  double peak_time, resolution;  ///< [s]
  std::vector<ChipPower> chips;  ///< (generations) at supplies [W]
  double waiting = 0;            ///< of all chips of the job in this phase [W]
  double context = 0;            ///< the same
  double idle = 0;               ///< of the fleet's chips that are in no job [W]
  /// (generations, pipeline) what a microbatch's phases of layers expose without noise [s].
  std::vector<double> layers;
};

/// Power of a job's chips over the recorded steps of one trial, from each chip's intervals:
///
///   start         begin          end        last        finish    next
///     | communicates | waits | window | waits | communicates | update | waits |
///
/// Up to `begin` weights are gathered. The window is the chip's stage's own part of its replica's
/// schedule, between the bubbles of fill and drain (ChunkTurns); in it a chip computes for its own
/// time, communicates for what the phases of layers expose, and waits for the rest (bubbles, slower
/// members): these alternate within milliseconds, so the window has their mean power. Its first
/// power.overshoot_time has the peak's in place of compute's. `last` is when the last replica's
/// window of that stage ends, from when gradients are on their way. Without the phases of gradients
/// (local SGD) chips wait instead of communicating. Cost: 2 jumps of the trace a chip and step, 4 a
/// tensor group, more where waiting is not communicating.
class PowerMeter final : public StepObserver {
 public:
  explicit PowerMeter(const MeteredJob& job);
  void see(const StepView& step) override;

  const PowerTrace& trace() const { return trace_; }
  /// Up to when all chips were seen, since the recorded steps began [s].
  double end() const { return end_; }

 private:
  void find_windows(const StepView& step);
  void add_group(const StepView& step, std::int64_t group);
  void add_windows(std::int64_t stage);

  const MeteredJob& job_;
  PowerTrace trace_;
  double origin_ = 0, now_ = 0, end_ = 0;             // [s]
  std::vector<double> window_begin_, window_length_;  // (pipeline, replicas) [s]
  std::vector<double> per_length_;                    // the same [1/s]; 0 where there is no window
  std::vector<double> last_;                          // (pipeline)
  std::vector<double> above_, peak_above_;  // (replicas) of a stage's tensor group, in its window
};

}  // namespace lockstep
