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

  /// Goes to a step that begins at `now` in the trace. All are kept until its last stage.
  void begin(const StepView& step, const StepWindows& windows, double now, PowerTrace& trace);
  /// Whether communication asks for as much as waiting.
  bool waits_alike(std::size_t generation) const {
    return job_.asks[generation].waiting == job_.asks[generation].communication;
  }
  /// Whether it adds a chip's update that ends at `finish`: the box is not open all the time.
  bool holds_update(std::size_t stage, std::size_t replica, std::size_t generation, double finish,
                    double update);
  /// Adds what communication from `start` on and up to `done` draws in place of waiting, of one
  /// chip. Returns as add_stage does.
  double hold_exchange(std::size_t stage, std::size_t replica, std::size_t generation, double start,
                       double done);
  /// Adds the windows of a stage, which chips share as (generations, replicas) say, and the waits
  /// around them. Returns in how many chip-seconds a box was too low to hold a wait above what it
  /// asks for, though the floor is.
  double add_stage(std::int64_t stage, std::span<const double> computing,
                   std::span<const double> speaking);

 private:
  void take(std::size_t generation);
  std::size_t window(std::size_t stage, std::size_t replica) const {
    return stage * step_->compute_begin.size() + replica;
  }
  const ChipBoxes::Box& box(std::size_t window, std::size_t generation) {
    take(generation);
    return boxes_->boxes()[boxes_->index(window, generation)];
  }
  double hold_box(const ChipBoxes::Box& box, double computing, double speaking);
  double hold_exchange(const BoxWait& wait, double from, double to);
  double hold(const BoxLine& line, double from, double to, double low, double high, double chips);
  double hold(const BoxWait& wait, double from, double to, double low, double high, double chips);

  const MeteredJob& job_;
  const ChipBoxes* boxes_ = nullptr;
  const StepView* step_ = nullptr;
  const StepWindows* windows_ = nullptr;
  PowerTrace* trace_ = nullptr;
  double now_ = 0;  // [s]
  // Of the generation at hand.
  double per_watt_ = 0;
  const ChipPower *asks_ = nullptr, *draws_ = nullptr;
  const BoxLaw* law_ = nullptr;
};

}  // namespace lockstep
