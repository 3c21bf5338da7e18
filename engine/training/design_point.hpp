#pragma once

#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/job/pipeline/pipeline_schedule.hpp"
#include "engine/job/work.hpp"
#include "engine/training/chip_identities.hpp"
#include "engine/training/known_facts.hpp"
#include "engine/training/phases/chunk_turns.hpp"
#include "engine/training/phases/planned_phases.hpp"
#include "engine/training/phases/stage_window.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

/// A step without noise, as a sum: no noise, whatever the study has.
struct QuietStep {
  double compute = 0;           ///< of the replica that takes longest, without its bubble [s]
  double bubble = 0;            ///< of its pipeline without transfers [s]
  std::vector<double> exposed;  ///< (phases) what each adds, in the order of the table [s]
  double clipping = 0, optimizer = 0;  ///< [s]

  double exposed_phases() const { return std::accumulate(exposed.begin(), exposed.end(), 0.0); }
  double time() const { return compute + bubble + exposed_phases() + clipping + optimizer; }
};

/// One design point made ready for trials: everything about it that no random number changes.
/// Immutable; shared by the threads that run its trials. Building it costs some noise-free steps.
class DesignPoint {
 public:
  /// Throws InputError when the point is impossible (replicas, microbatches, shapes).
  DesignPoint(const Values& values, std::span<const TopologyKind* const> topologies,
              std::uint64_t seed);
  /// Of a scenario read from `values`, which the topology's own parameters still come from, with no
  /// more than `most_replicas`. What is `known` is not found anew.
  DesignPoint(Scenario scenario, const Values& values,
              std::int64_t most_replicas = std::numeric_limits<std::int64_t>::max(),
              const KnownFacts& known = {});
  /// The same job with so many replicas, which share its batch, all chips equal and without noise;
  /// none where the topology cannot be made smaller.
  std::optional<DesignPoint> quiet_with_replicas(std::int64_t replicas) const;

  const Scenario& scenario() const { return scenario_; }
  /// The study's, which the topology's own parameters come from, and those of capabilities.
  const Values& values() const { return values_; }
  /// The same, with what the topology chose in place of what was open.
  const Values& settled_values() const { return settled_; }
  const Layout& layout() const { return layout_; }
  const ChipIdentities& identities() const { return identities_; }
  const Work& work() const { return work_; }
  /// The communication of a step that synchronizes, in order; one at least is kept for trials.
  std::span<const PlannedPhase> phases() const { return planned_->all(); }
  const PlannedPhases& planned_phases() const { return *planned_; }
  /// Of each stage's weights and gradients (Job::gradient_chunks).
  std::int64_t chunks() const { return scenario_.job.gradient_chunks(layout_.replicas); }
  /// When they are used and done, on each stage.
  const ChunkTurns& chunk_turns() const { return turns_; }
  /// Links a chip owns, as Collective::links_per_chip.
  int links_per_chip() const { return kept_phase().collective->links_per_chip(); }
  /// What the topology settled; nullptr where it leaves nothing open.
  const std::shared_ptr<const SettledAnswer>& answer() const { return answer_; }
  /// What the topology chose for each phase.
  std::string choice() const;
  /// Some phase runs on a machine larger than any of its kind that was published.
  bool extrapolated() const;
  const std::shared_ptr<const TensorGroups>& tensor_groups() const { return tensor_groups_; }
  const SynchronizationCost& synchronization() const { return tensor_groups_->synchronization; }
  /// Of what a tensor group takes in a step.
  const GroupLaw& group_law() const { return tensor_groups_->law; }
  /// A step without noise, from the first chip's begin to the last one's end
  /// (trial/training_step.hpp), and what its parts take.
  const QuietStep& quiet_step() const { return quiet_; }
  /// The phases of weights and gradients without noise, one after another, everyone ready at once
  /// [s].
  double noise_free_communication_time() const;
  /// What chips of a generation speak in a synchronizing step without noise and compute does not
  /// hide, summed over those in the job (generations) [chip s]: communication that is no waiting.
  std::vector<double> noise_free_communication() const;
  /// Chips of each generation in the job (generations).
  const std::vector<double>& chips_by_generation() const { return chips_by_generation_; }
  /// What the optimizer takes on each generation's chips (generations) [s].
  const std::vector<double>& optimizer_time() const { return optimizer_time_; }
  /// The optimizer's update of each replica, of its slowest chip (replicas) [s].
  const std::vector<double>& update_time() const { return update_time_; }
  /// What trials share of the windows around compute. Cost: of the first call, some noise-free
  /// calls of their phases.
  struct Windows {
    StageWindow first_forward, last_backward;
    std::vector<double> updates;  ///< (classes of last_backward) update times [s]
  };
  const Windows& windows() const;
  /// Peak of the chips in the job [FLOP/s].
  double used_peak() const;
  /// A synchronizing step's scalar all-reduce, 0 with clipping off [s].
  double clipping_time() const { return clipping_time_; }
  /// Pipeline bubble of a replica whose stages are alike: its compute takes 1 + bubble times a
  /// stage's.
  double bubble(std::int64_t replica) const;
  /// What each replica's pipeline takes, written to end (replicas) [s], from what all its
  /// microbatches take on each stage, stage_time (stages, replicas) [s], and a microbatch from one
  /// stage to the next, transfer [s]. Of some replicas alone: the same.
  void pipeline_ends(const double* stage_time, double transfer,
                     std::span<const std::int32_t> replicas, double* end) const;
  /// PipelineSchedule::most_ends in place of them.
  void pipeline_most_ends(const double* stage_time, double transfer,
                          std::span<const std::int32_t> replicas, double* end) const;
  /// PipelineSchedule::is_exact of all of them.
  bool pipelines_are_exact() const;
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
  using Ends = void (PipelineSchedule::*)(const double*, std::int64_t,
                                          std::span<const std::int32_t>, double*,
                                          const PipelineTransfer&) const;
  void by_pipeline(Ends ends, const double* stage_time, double transfer,
                   std::span<const std::int32_t> replicas, double* end) const;
  void settle_topology(std::int64_t replicas, const KnownFacts& known);
  void find_runs();
  void find_pipelines();
  const PlannedPhase& kept_phase() const;
  void share_work_anew();
  void find_optimizer_times();
  void find_quiet_step();
  std::vector<double> quiet_stage_times() const;

  Scenario scenario_;
  Values values_, settled_;   // settled: what the topology chose is filled in
  std::string settled_note_;  // what it chose against
  std::shared_ptr<const SettledAnswer> answer_;
  Layout layout_;
  ChipIdentities identities_;
  Work work_;
  std::optional<PlannedPhases> planned_;
  ChunkTurns turns_;
  std::shared_ptr<const TensorGroups> tensor_groups_;
  QuietStep quiet_;
  double clipping_time_ = 0;
  std::vector<double> optimizer_time_, update_time_, chips_by_generation_;
  struct LazyWindows {
    std::once_flag once;
    std::optional<Windows> windows;
  };
  std::unique_ptr<LazyWindows> windows_ = std::make_unique<LazyWindows>();
  std::vector<std::vector<Run>> runs_;
  std::vector<PipelineSchedule> pipelines_;  // one for each number of microbatches
  std::vector<std::int32_t> pipeline_of_;    // (replicas)
};

}  // namespace lockstep
