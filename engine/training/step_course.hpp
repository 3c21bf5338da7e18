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
  /// With the first `rows` phases of the point alone; not kept beyond it.
  explicit StepCourse(const DesignPoint& point, std::size_t rows = SIZE_MAX);
  /// The links from now on; what `links` refers to is read here only.
  void begin(const LinkState& links);
  /// stage_time: (stages, replicas) what all microbatches compute on a stage [s]; start: (groups,
  /// replicas) [s], empty where all begin at 0. Times count from the latest finish before.
  void run(std::vector<double> stage_time, std::span<const double> start, bool synchronizes,
           const StepNoise& noise, const Execution& how);

  /// Of the replica that takes longest: its pipeline's schedule and the optimizer's update [s].
  double compute_time() const { return compute_time_; }
  /// The latest end of these where each replica begins at once.
  double last_compute() const { return last_compute_; }
  /// (replicas) when the schedules begin and end, and what a microbatch takes on the slowest stage.
  const std::vector<double>& compute_begin() const { return compute_begin_; }
  const std::vector<double>& compute_end() const { return compute_end_; }
  const std::vector<double>& microbatch() const { return microbatch_; }
  /// (groups, replicas) when chips enter the gradients' phases, and when they are done with them.
  const std::vector<double>& ready() const { return ready_; }
  const std::vector<double>& finish() const { return finish_; }

 private:
  void gather_weights(std::span<const double> start, const StepNoise& noise, const Execution& how);
  void reduce_gradients(const StepNoise& noise, const Execution& how);
  void update_weights();
  /// The phases of a window together.
  struct Calls {
    double time = 0, chunk_time = 0;  // without noise: of the whole buffers, of one chunk [s]
    /// How much longer they took than that.
    double pace(double took) const { return time > 0 ? std::max(1.0, took / time) : 1.0; }
  };
  Calls times_of(Window window) const;
  void slow_down(const Calls& calls, double room);
  Calls run_calls(Window window, const StepNoise& noise, const Execution& how);
  void call(std::size_t phase, const StepNoise& noise, const Execution& how);

  const DesignPoint& point_;
  std::size_t rows_;
  std::vector<std::unique_ptr<CollectiveTrial>> trials_;  // of phases, where one is kept
  std::vector<double> exposed_;  // (generations, stages) of a microbatch [s]
  std::vector<double> update_;   // (replicas) [s]
  std::vector<double> replica_time_, compute_begin_, compute_end_, microbatch_;  // (replicas)
  double compute_time_ = 0, last_compute_ = 0;
  std::vector<double> ready_, finish_;  // (groups, replicas)
};

}  // namespace lockstep
