#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/network/settled_answers.hpp"
#include "engine/training/capability/capability.hpp"
#include "engine/training/design_point.hpp"
#include "engine/training/trial/trial.hpp"

namespace lockstep {

/// A capability of the list that jobs were made with.
struct JobsCapability {
  const Capability* row;
  std::unique_ptr<const PreparedCapability> prepared;  ///< nullptr where the study does not ask
};

/// What one trial of all jobs gives.
struct JobsResult {
  TrialResult training;
  std::vector<MetricValues> capabilities;  ///< of each; nothing of one that is not asked for
};

/// The jobs that a design point's fleet runs side by side, ready for trials: one over all chips, or
/// with job.work_share = isolated one per generation, each with its own batch, replicas and
/// collective; and the capabilities that its study asks for. Immutable; shared by threads.
class Jobs {
 public:
  /// Whose steps that synchronize have `phases`; what is `known` is not found anew.
  /// Jobs of `like`, made with the same lists and seed, are shared where they would be the same:
  /// where no value differs but of capabilities, and these change no chip. Throws InputError when a
  /// job is impossible.
  Jobs(const Values& values, std::span<const TopologyKind* const> topologies,
       std::span<const Capability* const> capabilities, std::uint64_t seed,
       std::span<const Phase> phases = lockstep::phases(), const KnownFacts& known = {},
       const Jobs* like = nullptr);

  std::span<const std::shared_ptr<const DesignPoint>> all() const { return jobs_; }
  /// Adds what was found for these jobs.
  void add_to(KnownFacts& known) const;
  /// Of the whole fleet, whatever jobs it runs.
  const Scenario& scenario() const { return scenario_; }
  const Fleet& fleet() const { return scenario_.fleet; }
  const Values& values() const { return values_; }
  /// In the order of the list.
  std::span<const JobsCapability> capabilities() const { return capabilities_; }
  /// The job whose step without noise takes longest, the first of equals.
  const DesignPoint& longest() const;
  /// What each job's topology chose, and each capability, as one text.
  std::string choice() const;

  /// One trial of all jobs. The times of a step are those of the job that takes longest for it, mfu
  /// is the sum of their FLOP rates over the sum of the peaks (models trained side by side, not one
  /// trained faster), waiting is weighted by chips, *_by_generation are each job's own.
  JobsResult run_trial(std::uint32_t trial, const Execution& how) const;

 private:
  TrialResult together(std::span<const TrainedJob> trained) const;

  Scenario scenario_;
  Values values_;
  std::vector<std::shared_ptr<const DesignPoint>> jobs_;
  std::vector<JobsCapability> capabilities_;
};

}  // namespace lockstep
