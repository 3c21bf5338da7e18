#pragma once

#include <array>
#include <vector>

#include "engine/power/meter/metered_job.hpp"
#include "engine/power/meter/power_trace.hpp"
#include "engine/power/meter/step_windows.hpp"
#include "engine/power/smoothing/chip_boxes.hpp"

namespace lockstep {

/// What boxes that are not open take from the power of a job's chips: a phase that asks for `low`
/// and has `high` where the box is open draws min(max(level, low), high); compute no more than the
/// level. Added to a trace that has all boxes open, as jumps and bends. Cost: about 2 ns a chip and
/// step, and some 20 jumps a box that is not open, more a chip where waiting is not communicating.
class HeldPower {
 public:
  explicit HeldPower(const MeteredJob& job) : job_(job) {}

  /// Adds a step that begins at `now` in the trace. Returns in how many chip-seconds a box was too
  /// low to hold a wait above what it asks for, though the floor is.
  double add(const StepView& step, const StepWindows& windows, double now, PowerTrace& trace);

 private:
  void take(std::size_t generation);
  double hold_chips(const StepView& step, const StepWindows& windows);
  double hold_box(const StepView& step, std::size_t box, double from, double length);
  double hold_exchange(const BoxWait& wait, double from, double to);
  void hold_update(const BoxWait& wait, double from, double to);
  double hold(const BoxLine& line, double from, double to, double low, double high, double chips);
  double hold(const BoxWait& wait, double from, double to, double low, double high, double chips);

  const MeteredJob& job_;
  const ChipBoxes* boxes_ = nullptr;
  PowerTrace* trace_ = nullptr;
  double now_ = 0;  // [s]
  // Of the generation at hand.
  double per_watt_ = 0;
  const ChipPower *asks_ = nullptr, *draws_ = nullptr;
  const BoxLaw* law_ = nullptr;
  std::vector<double> computing_, speaking_;  // (boxes) chips, by their shares of the window
};

}  // namespace lockstep
