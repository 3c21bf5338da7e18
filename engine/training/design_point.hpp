#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/job/pipeline_schedule.hpp"
#include "engine/job/work.hpp"
#include "engine/network/settled_answers.hpp"
#include "engine/training/phases.hpp"
#include "engine/training/scenario.hpp"
#include "engine/training/synchronized_group.hpp"

namespace lockstep {

/// One design point made ready for trials: everything about it that no random number changes.
/// Immutable; shared by the threads that run its trials. Building it costs some noise-free steps.
class DesignPoint {
 public:
  /// Throws InputError when the point is impossible (replicas, microbatches, shapes).
  DesignPoint(const Values& values, std::span<const TopologyKind* const> topologies,
              std::uint64_t seed);
  /// Of a scenario read from `values`, which the topology's own parameters still come from, with no
  /// more than `most_replicas`. What `known` answers is not settled anew.
  DesignPoint(Scenario scenario, const Values& values,
              std::int64_t most_replicas = std::numeric_limits<std::int64_t>::max(),
              const SettledAnswers& known = {});
  /// The same job with so many replicas, which share its batch, all chips equal and without noise;
  /// none where the topology cannot be made smaller.
  std::optional<DesignPoint> quiet_with_replicas(std::int64_t replicas) const;

  const Scenario& scenario() const { return scenario_; }
  /// The study's, which the topology's own parameters come from, and those of capabilities.
  const Values& values() const { return values_; }
  /// The same, with what the topology chose in place of what was open.
  const Values& settled_values() const { return settled_; }
  const Layout& layout() const { return layout_; }
  const Work& work() const { return work_; }
  /// The communication of a step that synchronizes, in order; at least one.
  std::span<const PlannedPhase> phases() const { return phases_; }
  /// Links a chip owns, as Collective::links_per_chip.
  int links_per_chip() const { return phases_.front().collective->links_per_chip(); }
  /// What the topology settled, where that was not known already.
  const std::optional<SettledAnswer>& new_answer() const { return new_answer_; }
  /// What the topology chose for each phase.
  std::string choice() const;
  /// Some phase runs on a machine larger than any of its kind that was published.
  bool extrapolated() const;
  const SynchronizationCost& synchronization() const { return synchronization_; }
  /// All phases without noise, everyone ready at once [s].
  double noise_free_communication_time() const { return noise_free_communication_time_; }
  /// Exposed part of them plus the clipping all-reduce, summed over a generation's chips in the job
  /// (generations) [chip s per synchronizing step]: communication that is no waiting.
  const std::vector<double>& noise_free_communication() const { return noise_free_communication_; }
  /// Chips of each generation in the job (generations).
  const std::vector<double>& chips_by_generation() const { return chips_by_generation_; }
  /// The slowest replica's step without noise or phases [s].
  double noise_free_compute_time() const;
  /// Peak of the chips in the job [FLOP/s].
  double used_peak() const;
  /// A synchronizing step's scalar all-reduce, 0 with clipping off [s].
  double clipping_time() const { return clipping_time_; }
  /// Pipeline bubble of a replica whose stages are alike: its compute takes 1 + bubble times a
  /// stage's.
  double bubble(std::int64_t replica) const;
  /// What each replica's pipeline takes, written to end (replicas) [s], from what all its
  /// microbatches take on each stage, stage_time (stages, replicas) [s].
  void pipeline_ends(const double* stage_time, double* end) const;
  /// An upper bound of one replica's, from stage_time (stages) [s]; costs O(stages).
  double pipeline_bound(std::int64_t replica, std::span<const double> stage_time) const;

  /// Consecutive chips of one generation in a row of the layout.
  struct Run {
    std::int64_t begin, end;
    std::uint8_t generation;
  };
  /// Runs of each group's row (groups).
  const std::vector<std::vector<Run>>& runs() const { return runs_; }

 private:
  void settle_topology(std::int64_t replicas, const SettledAnswers& known);
  void find_runs();
  void find_pipelines();
  void plan_phases();
  void find_exposed();

  Scenario scenario_;
  Values values_, settled_;   // settled: what the topology chose is filled in
  std::string settled_note_;  // what it chose against
  std::optional<SettledAnswer> new_answer_;
  Layout layout_;
  Work work_;
  std::vector<PlannedPhase> phases_;
  SynchronizationCost synchronization_;
  double noise_free_communication_time_ = 0, clipping_time_ = 0;
  std::vector<double> noise_free_communication_, chips_by_generation_;
  std::vector<std::vector<Run>> runs_;
  struct Pipeline {
    PipelineSchedule schedule;
    std::vector<std::int32_t> replicas;  // that run it
  };
  std::vector<Pipeline> pipelines_;        // one for each number of microbatches
  std::vector<std::int32_t> pipeline_of_;  // (replicas)
};

}  // namespace lockstep
