#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/training/course/window_calls.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// How a step runs from what its stages compute to the latest finish: layers' phases, the
/// pipeline's schedule, the phases of weights and gradients around it.
///
/// A stage's microbatch takes its compute and what its layers' phases expose. Weights that are
/// gathered first arrive chunk by chunk while the first microbatch goes forward, gradients leave
/// chunk by chunk while the last one comes back, a call for each chunk (WindowCalls, ChunkCalls): K
/// calls of T each, w the time between the first and the last chunk's turn, `overlap` of which can
/// be used, expose
///   max(T, K T - overlap w),
/// without noise and where all are ready at once. The optimizer's update follows. Each stage
/// has its own turns (PipelineSchedule::chunk_times), so that the later ones wait for nobody. With
/// job.prefetch the weights come T earlier, while data are loaded (MegaScale, arXiv 2402.15627,
/// section 3.2).
class StepCourse {
 public:
  /// Not kept beyond the point.
  explicit StepCourse(const DesignPoint& point);
  /// With the first `rows` phases of the point alone.
  StepCourse(const DesignPoint& point, std::size_t rows);
  /// The links from now on; what `links` refers to is read here only.
  void begin(const LinkState& links);
  /// What is asked of a step: its finishes, and when each replica computes. The latest finish is
  /// the same with all of them or without.
  enum class Finishes {
    all,
    latest,              ///< alone: of replicas that cannot be it nothing is known
    latest_and_compute,  ///< compute_begin(), compute_end() and microbatch() of every replica
    latest_and_all       ///< these, and all finishes
  };
  /// stage_time: (stages, replicas) what all microbatches compute on a stage [s]; start: (groups,
  /// replicas) [s], empty where all begin at 0. Times count from the latest finish before.
  /// Where all finishes are asked for, each goes on from its own, and the latest is that of these;
  /// else it is the latest ready time + cost of StageWindow where that can be, to rounding the
  /// same, with the groups that have a late message by the kernels.
  void run(std::span<const double> stage_time, std::span<const double> start, bool synchronizes,
           Finishes asked, const StepNoise& noise, const Execution& how);

  /// How late replicas can be whose stages take no more than they are said to.
  struct Bounds {
    /// (replicas) how much less than the latest each is at least: of the step's end, or of the end
    /// of compute, whichever is closer [s].
    std::vector<double> behind;
    /// (replicas) at most: the schedule [s], and what it takes with interference.
    std::vector<double> schedule, taken;
    double least_microbatch = 0;                   ///< of all [s]
    double latest = left_out, compute = left_out;  ///< of all [s]
    std::vector<double> finish;                    ///< (stages) of the gradients' calls [s]
    /// In the step: by which late messages of weights delay replicas at most, and by which some are
    /// beyond that [s].
    double delayed = 0, raised = 0;
    std::vector<double> late = {};  ///< (stages) by which those of gradients do [s]
  };
  /// Whether a step's latest finish, where all begin at 0, can be found from some replicas alone.
  bool goes_by_replica(const StepNoise& noise) const;
  /// Such a step: begins it, adds some replicas' stage times, and ends it with the latest finish of
  /// those added; compute_time() and last_compute() are theirs, too. All of them added, it is run()
  /// that asks for the latest.
  void begin_latest(const StepNoise& noise, const Execution& how);
  /// Of many, schedules are looked through in single precision first, and those run again that the
  /// bounds of its rounding leave.
  void add(std::span<const std::int32_t> replicas, std::span<const double> stage_time);
  /// With `bounds` of what was not added, groups with late messages that cannot matter are not run.
  void end_latest(const Bounds* bounds = nullptr);

  /// From (stages, replicas) what stages take at most and at least [s], on the links that there
  /// are.
  Bounds bounds(std::span<const double> most, std::span<const double> least);
  /// In a step under way: a replica that is so far behind, or more, changes nothing. Where it takes
  /// f times what it is said to at most, it is behind by (f - 1) `taken` less.
  double needed(const Bounds& bounds) const;
  /// Sets what late messages of the step under way can do to replicas whose microbatches take
  /// `bounds.least_microbatch` or more.
  void set_delays(Bounds& bounds) const;

  /// Of the replica that takes longest: its pipeline's schedule and the optimizer's update [s].
  double compute_time() const { return compute_time_; }
  /// The latest end of these where each replica begins at once.
  double last_compute() const { return last_compute_; }
  /// What the schedule of a replica that was added takes [s].
  double schedule(std::int64_t replica) const {
    return replica_time_[static_cast<std::size_t>(replica)];
  }
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
  void begin_step(std::span<const double> start, bool synchronizes, const StepNoise& noise,
                  const Execution& how);
  /// When weights are there: where no call but the first has a late message, those of the first
  /// chunk (stages, replicas), and what each of the others takes (stages) [s].
  struct Arrivals {
    const double *first = nullptr, *took = nullptr;
  };
  /// Those of one group with late messages, which is run where it can matter.
  struct LateWeights {
    WindowCalls::LateGroup late;
    std::size_t stage;
    std::vector<ChunkCalls::Arrival> most;  // of a stage without, at the latest
    bool is_run = false;
    std::vector<double> first;  // (replicas)
    std::vector<ChunkCalls::Arrival> chunks;
  };
  Arrivals weights_arrive(std::span<const double> start);
  Arrivals run_weights(std::span<const double> start);
  void find_latest_weights();
  void run_late(LateWeights& weights);
  /// By how much a replica begins later at most, whose microbatches take so long or more [s].
  double most_delay(const LateWeights& weights, double least_microbatch) const;
  void compute(std::span<const std::int32_t> replicas, std::span<const double> stage_time,
               bool at_most = false);
  void add_exactly(std::span<const std::int32_t> replicas, std::span<const double> stage_time);
  void set_behind(std::span<const std::int32_t> replicas, const std::vector<double>& end,
                  const std::vector<double>& microbatch, Bounds& bounds) const;
  std::vector<double> late_gradients(double least_microbatch) const;
  /// Whether late messages of a stage's gradients can matter, beside what was added.
  bool matters(const Bounds& bounds, std::size_t stage) const {
    return bounds.late[stage] > 0 && bounds.finish[stage] * (1 + 1e-12) + bounds.raised +
                                             bounds.delayed + bounds.late[stage] >
                                         latest_;
  }
  void update_weights();
  /// Calls body(replica) for each, all of them in order as a loop over lanes.
  template <class Body>
  void each(std::span<const std::int32_t> replicas, const Body& body) const {
    if (replicas.size() == all_.size()) {
#pragma omp simd
      for (std::size_t r = 0; r < all_.size(); ++r) body(r);
    } else {
      for (std::int32_t r : replicas) body(static_cast<std::size_t>(r));
    }
  }
  /// Moves `begin` (replicas) to when their weights are there, whose microbatches take so long [s].
  void await(const Arrivals& arrivals, std::span<const std::int32_t> replicas,
             const std::vector<double>& microbatch, std::vector<double>& begin) const;
  double latest_delay(const double* first, double after, double turn) const;
  void await_late(std::span<const std::int32_t> replicas);
  double room_of_weights() const {
    return point_.chunk_turns().last_used[0] - point_.chunk_turns().first_used[0];
  }
  double room_of_gradients() const {
    return point_.chunk_turns().first_done[0] - point_.chunk_turns().last_done[0];
  }
  /// Of the chunks of a stage's groups, which have the same ready times, the first and the last
  /// one: when all replicas have it. Others are there no later than evenly between.
  struct StageGradients {
    double first_ready = left_out, last_ready = left_out;
  };
  /// Fills stage_ready_.
  StageGradients gradients_of(std::int64_t stage);
  /// When all replicas have a chunk of a stage's. Cost: O(replicas).
  double gradients_ready(std::size_t stage, std::int64_t chunk) const;
  /// The end of a stage's calls where none has a late message.
  ChunkCalls::End quiet_end(std::size_t stage, const StageGradients& gradients) const {
    return ChunkCalls{gradients_.chunks(), gradients_.stage_took()[stage]}.end(
        gradients.first_ready, gradients.last_ready);
  }
  double latest_of(const WindowCalls::LateGroup& late);
  void run_gradients(std::span<const std::int64_t> groups,
                     std::span<const WindowCalls::LateGroup> late);
  /// Compute beside communication: job.interference of the time that both run, `room` microbatches
  /// at most.
  double slow_down(const WindowCalls& calls, double room, double microbatch) const {
    const double time = static_cast<double>(calls.chunks()) * calls.time();
    return point_.scenario().job.interference * std::min(time, room * microbatch);
  }

  const DesignPoint& point_;
  std::size_t rows_;
  const DesignPoint::Windows* windows_ = nullptr;  // with all phases
  WindowCalls weights_, gradients_;
  std::vector<std::int64_t> groups_;  // all of them
  std::vector<double> exposed_;       // (stages, replicas) what layers' phases expose [s]
  std::vector<std::int32_t> all_;     // replicas

  // Of a step, (replicas):
  StepNoise noise_;
  Execution how_ = 1;
  bool synchronizes_ = true, starts_together_ = true;
  std::vector<std::int32_t> added_;  // whose times are of the step, or of the one before
  std::vector<double> start_, replica_time_, compute_begin_, compute_end_, microbatch_,
      stage_ready_;
  std::vector<double> stage_time_;  // (stages, replicas) with what layers' phases expose
  Arrivals arrivals_;
  std::vector<double> first_arrived_, stage_took_;  // where they are of the step alone
  std::vector<LateWeights> late_weights_;
  std::vector<std::vector<ChunkCalls::Arrival>> latest_weights_;  // (stages) chunks at the latest
  std::vector<WindowCalls::LateGroup> late_;                      // of gradients
  double last_start_ = 0, compute_time_ = 0, last_compute_ = 0, latest_ = 0;
  std::vector<double> ready_, finish_;  // (groups, replicas)
};

}  // namespace lockstep
