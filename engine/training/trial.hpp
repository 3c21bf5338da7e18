#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/reliability/long_run.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// What one trial gives. Times in s; one value a recorded step.
struct TrialResult {
  std::vector<double> step_time, compute_time, communication_time;  ///< (steps)
  double mfu = 0, mfu_used = 0;  ///< NaN where the study gives compute_time in place of work
  double wait_fraction = 0;
  std::vector<double> wait_fraction_by_generation;  ///< (fleet's generations); NaN where none works
  std::vector<double> step_time_by_generation;  ///< (fleet's generations) mean of its job's steps
  std::optional<LongRun> long_run;              ///< where reliability.horizon is given
  double mfu_effective = 0;                     ///< mfu x goodput; of a long run
  std::optional<double> schedulable_share;      ///< where reliability.slice_chips is given
};

/// Runs trial number `trial` of a design point: draws the chips' lasting speeds, stragglers and
/// slow links, then steps one after another. A pure function of (point, seed, trial), however it is
/// carried out. Throws Interrupted where it is given up.
/// Draws: per chip one for speed, one for straggler, one a link; per step one a chip, one a
/// replica (imbalance), one a spike; and those of a long run. Cost per step: about 20 ns a chip,
/// plus the collective. With `timeline` what a long run meets is written there.
TrialResult run_trial(const DesignPoint& point, std::uint32_t trial, const Execution& how,
                      Timeline* timeline = nullptr);

}  // namespace lockstep
