#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/base/random.hpp"
#include "engine/noise/congestion.hpp"
#include "engine/training/capability/stage_delay.hpp"
#include "engine/training/capability/step_observer.hpp"
#include "engine/training/course/step_course.hpp"
#include "engine/training/design_point.hpp"
#include "engine/training/trial/group_steps.hpp"
#include "engine/training/trial/slowest_replicas.hpp"
#include "engine/training/trial/trial_chips.hpp"
#include "engine/training/trial/trial_episodes.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose expert_imbalance{24};
}  // namespace purpose

/// What one step gives.
struct StepResult {
  double step_time = 0;           ///< latest finish less the latest finish a step before [s]
  double compute_time = 0;        ///< of the slowest replica, bubble included [s]
  double communication_time = 0;  ///< latest finish less the latest end of that [s]
};

/// Every part averaged over the steps.
StepResult mean_step(std::span<const StepResult> steps);

/// The steps of one trial, one after another: compute, the phases, clipping.
///
/// A stage takes what GroupSteps draws for its tensor group. A
/// replica takes what StepCourse makes of its stages. With job.sync_every = H only every H-th step
/// has the phases of weights and gradients (Stich, Local SGD converges fast and communicates
/// little, ICLR 2019): in the others each replica's end of compute is its finish and its next
/// start, with clipping on too, until the next of them lines all up again.
class TrainingSteps {
 public:
  TrainingSteps(const DesignPoint& point, std::uint32_t trial, const Execution& how)
      : TrainingSteps(point, trial, how, draw_chips(point, trial)) {}
  /// With other chips than the trial's own.
  TrainingSteps(const DesignPoint& point, std::uint32_t trial, const Execution& how,
                TrialChips chips);
  /// Whether replicas that cannot be the slowest are left out where nothing else needs them, as
  /// they are unless told otherwise; no result depends on it.
  void ask_all(bool all) { asks_all_ = all; }
  /// Of the steps so far that left some out.
  const SlowestReplicas& slowest() const { return slowest_; }

  /// Runs the next step. Throws Interrupted where it is given up, as run() does.
  StepResult next() { return step({}, 0); }
  /// Runs a trial's steps, warm-up and recorded ones, and returns the latter; the sums are theirs.
  /// Each of `observers` sees the recorded ones.
  std::vector<StepResult> run(std::span<StepObserver* const> observers = {});

  /// Chip-seconds so far, by generation: computing (each chip's own, its optimizer's update too),
  /// and in steps altogether.
  const std::vector<double>& busy() const { return busy_; }
  const std::vector<double>& elapsed() const { return elapsed_; }
  /// Steps so far that ended with the phases.
  double synchronizations() const { return synchronizations_; }

 private:
  void forget_sums();
  StepResult step(std::span<StepObserver* const> observers, std::int64_t recorded);
  bool leaves_out(bool observed, bool synchronizes) const;
  void run_slowest();
  void run_all(bool observed, bool synchronizes);
  StepNoise noise() const {
    return {&point_.scenario().noise, point_.scenario().seed, trial_, step_};
  }
  std::vector<double> draw_imbalance() const;
  void crowd_experts();
  double finish_step(bool synchronizes);
  void tell_delay(bool synchronized, double end);

  const DesignPoint& point_;
  std::uint32_t trial_, step_ = 0;
  Execution how_;
  TrialChips chips_;
  TrialEpisodes episodes_;
  Congestion congestion_;
  double now_ = 0;  // latest finish of the step before, since the trial began [s]
  GroupSteps groups_;
  StepCourse course_;
  SlowestReplicas slowest_;
  bool asks_all_ = false, has_bounds_ = false;
  std::vector<double> stage_time_;     // (stages, replicas) of the step, of those asked [s]
  std::unique_ptr<StageDelay> delay_;  // null where nothing lengthens compute
  // All times count from the latest finish of the step before.
  std::vector<double> start_;  // (groups, replicas); empty while all start together at 0
  /// (groups, replicas) each chip's own compute, then its update, where it is observed.
  std::vector<double> chip_busy_;
  std::vector<double> busy_, elapsed_;
  double synchronizations_ = 0;
};

}  // namespace lockstep
