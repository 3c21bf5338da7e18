#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/power/smoothing/box_law.hpp"
#include "engine/training/capability/stage_delay.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// The boxes of a job's chips over the steps of a trial. Chips of one generation on one stage of
/// one replica compute in the same window (PowerMeter) and have one box; where generations share
/// it, or replicas are coupled, the longest delay counts.
///
/// A wait goes from the end of a window to the begin of the next, which is known before the step is
/// run but for what its weights' phase will take: as long as in the last step that had one. All
/// boxes are open when the trial begins. Cost: some 30 ns a box and step, 100 where it ramps.
class ChipBoxes final : public StageDelay {
 public:
  /// The job must outlive it. `laws` (generations).
  ChipBoxes(const DesignPoint& job, std::vector<BoxLaw> laws);

  void delay(std::span<double> stage_time) override;
  std::span<const double> busy() const override { return busy_; }
  void add_to_chips(std::span<double> busy) const override;
  void see(const StageSpans& step) override;

  /// Of chips of one generation in a window, stage * replicas + replica.
  struct Box {
    std::size_t window = 0, generation = 0;
    double chips = 0;
    BoxWait before, after;  ///< of the step that was seen last: the waits around its window
    double lost = 0;        ///< in it, by each chip [s]
  };
  /// In the order of windows, then of generations.
  std::span<const Box> boxes() const { return boxes_; }
  std::span<const Box> of_windows(std::size_t first, std::size_t count) const {
    return boxes().subspan(first_[first], first_[first + count] - first_[first]);
  }
  /// Among them, of a generation that is there.
  std::size_t index(std::size_t window, std::size_t generation) const {
    std::size_t i = first_[window];
    while (boxes_[i].generation != generation) ++i;
    return i;
  }
  const BoxLaw& law(std::size_t generation) const { return laws_[generation]; }

 private:
  void couple(std::span<double> stage_time);

  const DesignPoint& job_;
  std::vector<BoxLaw> laws_;
  std::vector<Box> boxes_;
  std::vector<std::size_t> first_;        // (windows + 1) into boxes_
  std::vector<double> work_, lost_;       // (windows) of the step [s]
  std::vector<double> share_;             // (windows) of the window before that compute took
  std::vector<double> start_, gathered_;  // (replicas) of this step; of the last with weights [s]
  std::vector<double> busy_;              // (generations)
  double end_ = 0;                        // of the step before, since its own begin [s]
};

}  // namespace lockstep
