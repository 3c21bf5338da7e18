#pragma once

#include <cstdint>

#include "engine/base/simd.hpp"

namespace lockstep {

/// A pass of one microbatch through one chunk on one pipeline stage. What passes from one operation
/// to another lies in a slot meanwhile.
struct PipelineOperation {
  std::int32_t stage;
  std::int32_t input, output;  ///< slots; no_input, no_output where there is none
  std::int32_t time;           ///< which of the times it takes

  static constexpr std::int32_t no_input = 0, no_output = 1, first_slot = 2;
};

/// Replicas whose pipelines run side by side: two of the widest vectors hide an operation's
/// latency.
inline constexpr std::int64_t pipeline_lanes = 16;

/// One number for each of them; of floats, for four times as many replicas.
template <class Real>
struct alignas(64) LanesOf {
  static constexpr std::int64_t count = pipeline_lanes * (sizeof(Real) == sizeof(double) ? 1 : 4);
  Real lane[count];
};
using PipelineLanes = LanesOf<double>;
using RoughPipelineLanes = LanesOf<float>;

/// The loop over a schedule's operations, compiled once per instruction set.
struct PipelineKernels {
  /// Runs the operations in order: each starts at the end of its stage's one before, and not before
  /// its input is there, `transfer` after that one's end [s]. times: by PipelineOperation::time
  /// [s]; clocks: (stages) ends of the stages, 0 before [s]; slots: (slots), 0 before [s].
  void (*run)(const PipelineOperation* operations, std::int64_t count, const PipelineLanes* times,
              double transfer, PipelineLanes* clocks, PipelineLanes* slots);
  void (*run_roughly)(const PipelineOperation* operations, std::int64_t count,
                      const RoughPipelineLanes* times, float transfer, RoughPipelineLanes* clocks,
                      RoughPipelineLanes* slots);
};

LOCKSTEP_KERNELS(PipelineKernels, pipeline_kernels)

}  // namespace lockstep
