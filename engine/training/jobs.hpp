#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/reliability/schedulable_share.hpp"
#include "engine/training/design_point.hpp"
#include "engine/training/trial.hpp"

namespace lockstep {

/// The jobs that a design point's fleet runs side by side, ready for trials: one over all chips, or
/// with job.work_share = isolated one per generation, each with its own batch, replicas and
/// collective. Immutable; shared by threads.
class Jobs {
 public:
  /// Throws InputError when a job is impossible.
  Jobs(const Values& values, std::span<const TopologyKind* const> topologies, std::uint64_t seed);

  std::span<const std::unique_ptr<DesignPoint>> all() const { return jobs_; }
  const Fleet& fleet() const { return fleet_; }
  /// What slices can use of the fleet as a whole; nullptr where the study does not ask.
  const SchedulableShare* schedulable_share() const { return schedulable_share_.get(); }
  /// What each job's topology chose, and what a slice is, as one text.
  std::string choice() const;

  /// One trial of all jobs. Step times and their parts are the largest over the jobs, mfu is the
  /// sum of their FLOP rates over the sum of the peaks (models trained side by side, not one
  /// trained faster), waiting is weighted by chips, *_by_generation are each job's own. With
  /// a horizon every job fails, saves and restarts by itself, and has the spares to itself:
  /// goodput, time lost and checkpoint interval are weighted by chips, interruptions and spares in
  /// use add up, steps_done is the fewest of a job.
  TrialResult run_trial(std::uint32_t trial, const Execution& how) const;

 private:
  TrialResult train(std::uint32_t trial, const Execution& how) const;

  Fleet fleet_;
  std::unique_ptr<const SchedulableShare> schedulable_share_;
  std::vector<std::unique_ptr<DesignPoint>> jobs_;
};

}  // namespace lockstep
