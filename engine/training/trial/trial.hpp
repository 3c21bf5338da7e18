#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/training/capability/metric.hpp"
#include "engine/training/capability/step_observer.hpp"
#include "engine/training/design_point.hpp"
#include "engine/training/trial/training_step.hpp"
#include "engine/training/trial/trial_chips.hpp"

namespace lockstep {

/// What the steps of one trial give. Times in s; one value a recorded step.
struct TrialResult {
  std::vector<double> step_time, compute_time, communication_time;  ///< (steps)
  double mfu = 0, mfu_used = 0;  ///< NaN where the study gives compute_time in place of work
  double wait_fraction = 0;
  std::vector<double> wait_fraction_by_generation;  ///< (fleet's generations); NaN where none works
  std::vector<double> step_time_by_generation;  ///< (fleet's generations) mean of its job's steps
};

/// The variables of TrialResult.
std::span<const MetricOf<TrialResult>> training_metrics();

/// One job of a trial, trained.
struct TrainedJob {
  const DesignPoint* job;
  TrialChips chips;  ///< as the trial began with them
  StepResult step;   ///< mean of the recorded ones
  TrialResult result;
};

/// Trains a job in trial number `trial`: draws the chips' lasting speeds, stragglers and slow
/// links, then steps one after another, which each of `observers` sees. A pure function of (point,
/// seed, trial), however it is carried out. Throws Interrupted where it is given up.
/// Draws: per chip one for speed; one a straggler, slow link and spike; per step one a replica
/// (imbalance) and one a tensor group with a law, of those that can matter (SlowestReplicas), one a
/// chip of other groups.
TrainedJob train(const DesignPoint& point, std::uint32_t trial, const Execution& how,
                 std::span<StepObserver* const> observers = {});

}  // namespace lockstep
