#pragma once

#include <cstdint>

#include "engine/base/random.hpp"

namespace lockstep {

/// Chips of one row of a layout, by random identity.
struct ChipRow {
  const std::uint32_t* entity_low = nullptr;
  const std::uint32_t* entity_high = nullptr;
  std::int64_t count = 0;
};

/// One chunk's forward or backward pass of one microbatch on one pipeline stage. What passes from
/// one operation to another lies in a slot meanwhile.
struct PipelineOperation {
  std::int32_t stage;
  std::int32_t input, output;  ///< slots; no_input, no_output where there is none
  bool backward;

  static constexpr std::int32_t no_input = 0, no_output = 1, first_slot = 2;
};

/// Replicas whose pipelines run side by side: two of the widest vectors hide an operation's
/// latency.
inline constexpr std::int64_t pipeline_lanes = 16;

/// One number for each of them.
struct alignas(64) PipelineLanes {
  double lane[pipeline_lanes];
};

/// Loops over chips and replicas, compiled once per instruction set.
struct StepKernels {
  /// factor[i] = exp(sigma z - sigma^2 / 2), z the standard normal of (chip i, draw): lognormal of
  /// mean 1. One block a chip.
  void (*lognormal_factors)(const Stream& stream, const ChipRow& chips, std::uint32_t draw,
                            double sigma, double* factor);
  /// normal[i] = the second standard normal of the same block, independent of the first.
  void (*second_normals)(const Stream& stream, const ChipRow& chips, std::uint32_t draw,
                         double* normal);
  /// Runs the operations in order: each starts at the end of its stage's one before and of its
  /// input. times: (stages, forward and backward) [s]; clocks: (stages) ends of the stages, 0
  /// before [s]; slots: (slots), 0 before [s].
  void (*pipeline)(const PipelineOperation* operations, std::int64_t count,
                   const PipelineLanes* times, PipelineLanes* clocks, PipelineLanes* slots);
};

const StepKernels& step_kernels();

}  // namespace lockstep
