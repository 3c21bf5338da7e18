#pragma once

#include <vector>

#include "engine/power/meter/held_power.hpp"
#include "engine/power/meter/metered_job.hpp"
#include "engine/power/meter/power_trace.hpp"
#include "engine/power/meter/step_windows.hpp"
#include "engine/training/capability/step_observer.hpp"

namespace lockstep {

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
/// tensor group, more where waiting is not communicating. What boxes that are not open change is
/// HeldPower's.
class PowerMeter final : public StepObserver {
 public:
  explicit PowerMeter(const MeteredJob& job);
  void see(const StepView& step) override;

  const PowerTrace& trace() const { return trace_; }
  /// Up to when all chips were seen, since the recorded steps began [s].
  double end() const { return end_; }
  /// Chip-seconds that floors held above what a phase asks for.
  double held() const { return held_; }

 private:
  void add_group(const StepView& step, std::int64_t group);
  void add_windows(std::int64_t stage);
  void count_held(const StepView& step);

  const MeteredJob& job_;
  PowerTrace trace_;
  double origin_ = 0, now_ = 0, end_ = 0;  // [s]
  StepWindows windows_;
  std::vector<double> above_, peak_above_;  // (replicas) of a stage's tensor group, in its window
  // (generations, replicas) of a stage: chips, by their shares of the window.
  std::vector<double> computing_, speaking_;
  HeldPower held_power_;
  double held_ = 0;
};

}  // namespace lockstep
