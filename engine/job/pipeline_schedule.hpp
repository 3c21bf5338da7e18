#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/job/pipeline_kernels.hpp"

namespace lockstep {

/// Share of a microbatch's time that its backward pass takes: twice the forward pass.
inline constexpr double backward_share = 2.0 / 3.0;

/// The interleaved 1F1B schedule of one replica: p stages of V chunks each, m microbatches
/// (Narayanan et al., arXiv 2104.04473, section 2.2). A stage warms up with forward passes, then
/// alternates forward and backward, then flushes. With V > 1 microbatches take their turn at a
/// chunk in groups of p to 2p-1, as even as they can be (Llama 3, arXiv 2407.21783, section 3.3.2;
/// Megatron-LM's microbatch_group_size_per_vp_stage), all in one group where there are fewer than
/// p.
///
///   stage 0  F0 F1 .  .  B0 .  B1      p = 2, V = 1, m = 2; time goes to the right,
///   stage 1  .  F0 B0 .  F1 B1 .       a backward pass takes two forward ones
///
/// With p stages of equal time the end is  max(m, p) + (min(m, p) - 1) / V  microbatch times. With
/// unequal ones it depends on where the slow stages stand and is found operation by operation;
/// past `most_operations` the microbatches left over, whole groups of p, count at the slowest
/// stage's pace (below 1 % too long), and where not even 2 p microbatches fit, `bound` is taken.
class PipelineSchedule {
 public:
  static constexpr std::int64_t most_operations = 32768;

  PipelineSchedule(std::int64_t stages, std::int64_t virtual_stages, std::int64_t microbatches);

  std::int64_t microbatches() const { return microbatches_; }

  /// End of the schedule where all stages take the same time, in microbatch times.
  static double even_length(std::int64_t stages, std::int64_t virtual_stages, double microbatches);
  /// The most microbatches that equal stages finish within `length` microbatch times; below 1 where
  /// there is no time for one.
  static double most_microbatches(std::int64_t stages, std::int64_t virtual_stages, double length);

  /// Ends of `replicas`' schedules, written to end[replica] [s]. stage_time: (stages, all replicas)
  /// what all microbatches take on a stage [s], a row `row` long. Cost: an operation takes about a
  /// nanosecond for each `pipeline_lanes` replicas.
  void ends(const double* stage_time, std::int64_t row, std::span<const std::int32_t> replicas,
            double* end) const;
  /// Of one replica: (stages) [s].
  double end(std::span<const double> stage_time) const;
  /// What `end` never exceeds; equal to it where the slowest stage is the last. O(stages).
  double bound(std::span<const double> stage_time) const;

 private:
  std::int64_t stages_, virtual_stages_, microbatches_;
  std::int64_t evaluated_ = 0;                 // microbatches in operations_; 0: bound
  std::vector<PipelineOperation> operations_;  // inputs first
  std::int64_t slots_ = 0;
};

}  // namespace lockstep
