#pragma once

#include <optional>
#include <vector>

#include "engine/noise/episodes.hpp"
#include "engine/training/trial/trial_chips.hpp"

namespace lockstep {

/// The compute and link episodes of one trial, applied on top of what lasts. A state holds for a
/// whole step: that at the step's start.
class TrialEpisodes {
 public:
  /// `chips` as draw_chips gave them; with link episodes its link_factor is filled.
  TrialEpisodes(const DesignPoint& point, std::uint32_t trial, TrialChips& chips);

  /// What a move to another time changed.
  struct Change {
    bool compute = false, links = false;
  };
  /// Brings `chips` to `now` [s since the trial's first step began]; cost O(chips) where anything
  /// changed.
  Change advance(double now, TrialChips& chips);

 private:
  std::vector<double> lasting_compute_, lasting_link_;  // without episodes
  std::optional<Episodes> compute_;                     // by chip of the layout
  std::vector<Episodes> links_;                         // by link of a chip, each by chip
  bool begun_ = false;
};

}  // namespace lockstep
