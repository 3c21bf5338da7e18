#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/job/pipeline/pipeline_kernels.hpp"
#include "engine/job/pipeline/pipeline_order.hpp"
#include "engine/job/pipeline/pipeline_shape.hpp"

namespace lockstep {

/// The pipeline schedule of one replica: p stages of V chunks each, m microbatches.
///
/// interleaved: a stage warms up with forward passes, then alternates forward and backward, then
/// flushes. With V > 1 microbatches take their turn at a chunk in groups of p to 2p-1, as even as
/// they can be (Llama 3, arXiv 2407.21783, section 3.3.2; Megatron-LM's
/// microbatch_group_size_per_vp_stage), all in one group where there are fewer than p.
///
///   stage 0  F0 F1 .  .  B0 .  B1      p = 2, V = 1, m = 2; time goes to the right,
///   stage 1  .  F0 B0 .  F1 B1 .       a backward pass takes two forward ones
///
/// zero_bubble: the same, but a backward pass gives its input's gradients on before it finds those
/// of the weights, which stage s (from 0) leaves to s backward passes later; as many microbatches
/// are under way on every stage as on the first.
///
///   stage 0  F0 F1 .  B0 W0 B1 W1      all three take the same
///   stage 1  .  F0 B0 F1 B1 W0 W1
///
/// dual: chips s and p-1-s hold both stages s and p-1-s, half of the microbatches come in at each
/// end, and where forward and backward passes of opposite ways meet they run as one operation that
/// takes both times: what is won is communication hidden inside a pair, which is not counted here.
/// What a chip takes for all microbatches is half of it from each of its stages.
///
/// With stages of unequal time the end depends on where the slow stages stand and is found
/// operation by operation; past `most_operations` the microbatches left over, whole groups of p,
/// count at the slowest stage's pace (below 1 % too long; with transfers at a bound of it, within
/// 1 %), and where too few would fit, `bound` is taken, which there counts a transfer as if it kept
/// its sender.
class PipelineSchedule {
 public:
  static constexpr std::int64_t most_operations = 32768;

  explicit PipelineSchedule(const PipelineShape& shape);

  std::int64_t microbatches() const { return shape_.microbatches; }
  /// Whether ends are found operation by operation: then a replica no stage of which takes more
  /// ends no later.
  bool is_exact() const { return evaluated_ == shape_.microbatches; }

  /// End of the schedule where all stages take the same time, in microbatch times, transfer.time
  /// too. Without transfers a closed form; else the schedule is built, O(operations).
  static double even_length(const PipelineShape& shape, const PipelineTransfer& transfer = {});
  /// The most microbatches that equal stages finish within `length` microbatch times; below 1 where
  /// there is no time for one. shape.microbatches is not read. Cost: that of even_length for each
  /// bit of the answer; a closed form for the interleaved schedule without transfers.
  static double most_microbatches(PipelineShape shape, double length,
                                  const PipelineTransfer& transfer = {});

  /// Ends of `replicas`' schedules, written to end[replica] [s]. stage_time: (stages, all replicas)
  /// what all microbatches take on a stage [s], a row `row` long. Cost: an operation takes about a
  /// nanosecond for each `pipeline_lanes` replicas.
  void ends(const double* stage_time, std::int64_t row, std::span<const std::int32_t> replicas,
            double* end, const PipelineTransfer& transfer = {}) const;
  /// What these ends do not exceed, and exceed less 1e-4, at half the cost: in single precision, by
  /// its worst rounding too late.
  void most_ends(const double* stage_time, std::int64_t row, std::span<const std::int32_t> replicas,
                 double* end, const PipelineTransfer& transfer = {}) const;
  /// Of one replica: (stages) [s].
  double end(std::span<const double> stage_time, const PipelineTransfer& transfer = {}) const;
  /// What `end` does not exceed (but see still_bound for stages far from alike); equal to it for
  /// like stages without transfers. O(stages).
  double bound(std::span<const double> stage_time, const PipelineTransfer& transfer = {}) const;

  /// When a chunk's parameters are first needed and its gradients complete, in microbatch times (a
  /// microbatch's whole time on one stage). (stages x chunks), the chunks of a stage side by side.
  struct ChunkTimes {
    std::vector<double> first_forward;  ///< start of the first forward pass, from the start
    std::vector<double> last_backward;  ///< end of the last backward pass or weights, to the end
  };
  /// Of like stages without transfers. Where there are many microbatches some of the middle are
  /// left out: there every stage is busy all the time, so that what comes after just moves.
  ChunkTimes chunk_times() const;

 private:
  /// How the end of like stages grows with their microbatch time u and the transfer x. The end of a
  /// graph is the largest of sums over its paths, hence sublinear: f(a + b) <= f(a) + f(b). Between
  /// the nodes (u, x) = (2^12 .. 2^-2, 1), (0, 1) and (1, 0) it is not above the straight line.
  struct LikeStages {
    std::array<double, pipeline_lanes> at{};  // nodes with transfers
    double still = 0;                         // (1, 0)
    double blocked = 0;                       // u = x = 0, a sender blocked for 1

    double operator()(double time, double transfer) const;
  };
  /// What the schedule takes of a transfer, apart: its sender blocked, and the rest under way [s].
  struct Split {
    double blocked, under_way;
  };
  static Split split(const PipelineTransfer& transfer);

  template <class Real>
  void evaluate(const double* stage_time, std::int64_t row, std::span<const std::int32_t> replicas,
                double* end, const PipelineTransfer& transfer, double most) const;
  void find_like_stages();
  double bound(double sum, double slowest, double least, const Split& transfer) const;

  PipelineShape shape_;
  std::int64_t evaluated_ = 0;  // microbatches in order_; 0: bound
  PipelineOrder order_;
  double depth_ = 0;             // operations on its longest path
  LikeStages like_, like_pace_;  // end; what a microbatch more adds to it
};

}  // namespace lockstep
