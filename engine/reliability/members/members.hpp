#pragma once

#include <cstdint>
#include <vector>

#include "engine/reliability/long_runs.hpp"
#include "engine/reliability/members/step_times.hpp"
#include "engine/training/trial/training_step.hpp"
#include "engine/training/trial/trial_chips.hpp"

namespace lockstep {

/// The chips in a job as its nodes come and go, and what its steps take with them.
///
/// The trial's recorded steps are a pool: their mean holds until the gate moves by more than
/// 1 in 1,000, and is then simulated anew, with the draws of the recorded steps. The gate is what
/// sets the pace: the slowest replica, by the bound of its pipeline, or the slowest link.
/// What steps of fewer replicas take follows from Slowdowns. Draws: those of another holder of each
/// chip that is replaced. Cost: 0.1 us a replaced chip, and a trial's steps where the gate moves
/// (once in several trials of a month).
class Members final : public StepTimes {
 public:
  /// `chips` as the trial began with them, and the mean of its recorded steps. The run must
  /// outlive it.
  Members(const PreparedLongRun& run, std::uint32_t trial, const Execution& how, TrialChips chips,
          const StepResult& step);

  void replace(std::int64_t first, std::int64_t last, bool spare) override;
  double step_time() override { return step().step_time; }
  double communication_time() override { return step().communication_time; }
  double slowdown(std::int64_t replicas) override;
  std::vector<std::int64_t> new_stragglers() override;

 private:
  /// The largest of values that change one by one.
  class Largest {
   public:
    explicit Largest(const std::vector<double>& values) : values_(values) { find(); }
    /// values[i] is another now. Cost: O(1), or O(values) where it was the largest and fell.
    void update(std::size_t i);
    double value() const { return value_; }

   private:
    void find();

    const std::vector<double>& values_;
    std::size_t at_ = 0;
    double value_ = 0;  // 0 without values
  };
  /// What the pace follows.
  struct Gate {
    double compute;  // of the slowest replica [s]
    double link;     // factor of the slowest link

    bool is_near(const Gate& other) const;
  };

  double compute(std::int64_t replica) const;
  const StepResult& step();
  Gate gate() const { return {slowest_.value(), slowest_link_.value()}; }

  const PreparedLongRun& run_;
  const DesignPoint& point_;
  std::uint32_t trial_;
  Execution how_;
  TrialChips chips_;
  StepResult step_;              // mean, simulated with the gate simulated_
  std::vector<double> compute_;  // (replicas) bound of each pipeline [s]
  Largest slowest_, slowest_link_;
  Gate simulated_;                       // what step_ was simulated with
  std::vector<std::uint32_t> occupant_;  // (nodes) of the first node of each unit, so far
};

}  // namespace lockstep
