#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/job/work.hpp"
#include "engine/network/collective.hpp"
#include "engine/training/phases/phase.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

/// A phase made ready for the groups of a design point.
struct PlannedPhase {
  const Phase* phase = nullptr;
  double bytes = 0;  ///< buffer of each rank in a call, of one chunk around compute [B]
  double calls = 0;  ///< a step, on the stage that has the most
  GroupShape groups;
  std::string choice;             ///< what its topology chose, and who stands in
  std::vector<double> row_times;  ///< (rows) of a call without noise, everyone ready at once [s]
  double noise_free_time = 0;     ///< the slowest's
  /// (generations) the same of groups whose first chip is of one: the slowest's; 0 without groups.
  std::vector<double> by_generation;
  bool extrapolated = false;
  bool free = false;  ///< takes no time, as asked
  /// Kept where trials run it: on a step's chunks, and on layers' weights.
  std::unique_ptr<Collective> collective;
  std::int64_t rows = 0;                 ///< groups
  std::vector<std::uint8_t> generation;  ///< (rows) of their first chips
  /// The rows of `collective`, in the layout's arrays: (groups, ranks). Empty: the layout's own.
  std::vector<std::int32_t> places;

  bool is_of(Window window) const { return phase->window == window; }
  bool has_noise() const { return collective && !free && !is_of(Window::layer); }
  /// Factors of the layout's links as those of the rows; `kept` holds what is moved.
  LinkState links(const LinkState& all, std::vector<double>& kept) const;
  /// row_times on these links.
  std::vector<double> times_on(const LinkState& links) const;
  /// Of such times the slowest group's, by the generation of its first chip [s].
  std::vector<double> slowest_by_generation(std::span<const double> times) const;
};

/// The phases of a design point, in the order of the table, those that its job runs.
class PlannedPhases {
 public:
  /// Throws InputError where the topology lacks an operation.
  PlannedPhases(const Scenario& scenario, const Values& settled, const Layout& layout,
                const Work& work);

  std::span<const PlannedPhase> all() const { return phases_; }
  /// What the phases of layers add to a microbatch's time (generations, pipeline) [s], those of the
  /// first `rows` of them, with the times of `links`: what is exposed, and job.interference of what
  /// is hidden.
  std::vector<double> exposed_of_microbatch(std::size_t rows, const LinkState& links) const;
  /// What of it the expert groups' phases expose [s], (pipeline): it grows with the fullest expert.
  std::vector<double> expert_traffic() const;
  /// Calls of a step where the fullest replica has so many microbatches.
  void count_calls(double most_microbatches);
  /// What a microbatch takes from a stage to the next [s], by the first `rows` phases.
  double transfer(std::size_t rows) const;

 private:
  void plan(const Phase& phase, const Scenario& scenario, const Values& settled,
            const Layout& layout);
  /// Of a microbatch: in each layer, and beyond that at the ends of a chunk [s].
  struct LayerExposure {
    double each = 0, ends = 0;
  };
  LayerExposure exposed_in_layer(std::span<const std::vector<double>> times,
                                 std::size_t generation) const;
  void find_layer_times(const Job& job, const Layout& layout, const Work& work);

  Job job_;
  std::vector<PlannedPhase> phases_;
  std::vector<std::int64_t> typical_;  // replicas that phases without noise are timed on
  std::vector<double> stage_layers_;   // (pipeline)
  std::vector<double> layer_time_;     // (generations) of a microbatch, both passes [s]
  double attention_share_ = 0;         // of it
  double most_microbatches_ = 0;
  double chunks_ = 1;
};

}  // namespace lockstep
