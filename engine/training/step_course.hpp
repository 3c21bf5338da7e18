#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// Which draws messages of a step get.
struct StepNoise {
  const Noise* noise = nullptr;  ///< nullptr: none
  std::uint64_t seed = 0;
  std::uint32_t trial = 0, step = 0;
};

/// How a step runs from what its stages compute to the latest finish: layers' phases, the
/// pipeline's schedule, the phases of weights and gradients around it.
///
/// A stage's microbatch takes its compute and what its layers' phases expose. Weights that are
/// gathered first arrive chunk by chunk while the first microbatch goes forward, gradients leave
/// chunk by chunk while the last one comes back: T of the whole collective, T_1 of one chunk, w the
/// time between the first and the last chunk's turn, `overlap` of which can be used, give
///   exposed = max(T_1, T - overlap w),
/// by one call on the whole buffer that begins overlap w before the last chunk's turn, and the
/// last chunk after it at the pace that the call had. The optimizer's update follows. Each stage
/// has its own turns (PipelineSchedule::chunk_times), so that the later ones wait for nobody. With
/// job.prefetch the weights come T_1 earlier, while data are loaded (MegaScale, arXiv 2402.15627,
/// section 3.2).
class StepCourse {
 public:
  /// Not kept beyond the point.
  explicit StepCourse(const DesignPoint& point);
  /// With the first `rows` phases of the point alone.
  StepCourse(const DesignPoint& point, std::size_t rows);
  /// The links from now on; what `links` refers to is read here only.
  void begin(const LinkState& links);
  /// What is asked of a step's finishes. The latest one is the same with all of them or without.
  enum class Finishes { all, latest, latest_and_all };
  /// stage_time: (stages, replicas) what all microbatches compute on a stage [s]; start: (groups,
  /// replicas) [s], empty where all begin at 0. Times count from the latest finish before.
  /// Where all finishes are asked for, each goes on from its own, and the latest is that of these;
  /// else it is the latest ready time + cost of StageWindow where that can be, to rounding the
  /// same, with the groups that have a late message by the kernels.
  void run(std::vector<double> stage_time, std::span<const double> start, bool synchronizes,
           Finishes asked, const StepNoise& noise, const Execution& how);

  /// Of the replica that takes longest: its pipeline's schedule and the optimizer's update [s].
  double compute_time() const { return compute_time_; }
  /// The latest end of these where each replica begins at once.
  double last_compute() const { return last_compute_; }
  /// (replicas) when the schedules begin and end, and what a microbatch takes on the slowest stage.
  const std::vector<double>& compute_begin() const { return compute_begin_; }
  const std::vector<double>& compute_end() const { return compute_end_; }
  const std::vector<double>& microbatch() const { return microbatch_; }
  /// The latest finish [s].
  double latest() const { return latest_; }
  /// (groups, replicas) when chips enter the gradients' phases, and when they are done with them,
  /// where that was asked for.
  const std::vector<double>& ready() const { return ready_; }
  const std::vector<double>& finish() const { return finish_; }

 private:
  void gather_weights(std::span<const double> start, const StepNoise& noise, const Execution& how);
  std::vector<double> weights_arrive(std::span<const double> start, const StepNoise& noise,
                                     const Execution& how);
  void reduce_gradients(Finishes asked, const StepNoise& noise, const Execution& how);
  double latest_by_cost(const StepNoise& noise, const Execution& how);
  void update_weights();
  /// The phases of a window together.
  struct Calls {
    double time = 0, chunk_time = 0;  // without noise: of the whole buffers, of one chunk [s]
    /// How much longer they took than that.
    double pace(double took) const { return time > 0 ? std::max(1.0, took / time) : 1.0; }
  };
  /// Of a stage's groups, which have the same ready times.
  struct StageGradients {
    double last_begin = left_out, last_ready = left_out;  // of the first chunk's turn, and the last
    /// When all chunks are there, the whole buffer by `finish`.
    double complete(double finish, const Calls& calls) const {
      return std::max(finish, last_ready + calls.pace(finish - last_begin) * calls.chunk_time);
    }
  };
  /// Fills stage_ready_.
  StageGradients gradients_of(std::int64_t stage);
  Calls times_of(Window window) const;
  const double* times_of(const StageWindow& window, const LinkState& links,
                         std::vector<double>& own) const;
  /// No message but a few late ones has noise.
  static bool is_sparse(const StepNoise& noise) {
    return !noise.noise || noise.noise->hop_jitter.is_none();
  }
  MessageNoise noise_of(std::size_t phase, const StepNoise& noise) const;
  void run_groups(std::size_t phase, std::span<const std::int64_t> groups,
                  const MessageNoise& noise, const double* begin, double* done,
                  const Execution& how) const;
  void slow_down(const Calls& calls, double room);
  Calls run_calls(Window window, const StepNoise& noise, const Execution& how);
  void call(std::size_t phase, const StepNoise& noise, const Execution& how);

  const DesignPoint& point_;
  std::size_t rows_;
  const DesignPoint::Windows* windows_ = nullptr;             // with all phases
  std::vector<const CollectiveTrial*> trials_;                // of phases, where one is kept
  std::vector<std::unique_ptr<CollectiveTrial>> own_trials_;  // those that the point does not have
  const double* arrived_ = nullptr;  // (stages, replicas) as windows_ has them, on these links,
  const double* cost_ = nullptr;     // (classes, stages, replicas), or null
  std::vector<double> own_arrived_, own_cost_;
  std::vector<double> exposed_;  // (generations, stages) of a microbatch [s]
  std::vector<double> replica_time_, compute_begin_, compute_end_, microbatch_;  // (replicas)
  std::vector<double> stage_ready_;                                              // (replicas)
  double compute_time_ = 0, last_compute_ = 0, latest_ = 0;
  std::vector<double> ready_, finish_;  // (groups, replicas)
};

}  // namespace lockstep
