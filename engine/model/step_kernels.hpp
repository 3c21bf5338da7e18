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

/// One chunk's forward or backward pass of one microbatch on one pipeline stage.
struct PipelineOperation {
  std::int32_t stage;
  std::int32_t input;  ///< place of the operation whose output it takes; its own if it needs none
  bool backward;
};

/// Replicas whose pipelines run side by side.
inline constexpr std::int64_t pipeline_lanes = 8;

/// Loops over chips and replicas, compiled once per instruction set.
struct StepKernels {
  /// factor[i] = exp(sigma z - sigma^2 / 2), z the standard normal of (chip i, draw): lognormal of
  /// mean 1. One block a chip.
  void (*lognormal_factors)(const Stream& stream, const ChipRow& chips, std::uint32_t draw,
                            double sigma, double* factor);
  /// normal[i] = the second standard normal of the same block, independent of the first.
  void (*second_normals)(const Stream& stream, const ChipRow& chips, std::uint32_t draw,
                         double* normal);
  /// Runs the operations in order, pipeline_lanes replicas side by side: each starts at the
  /// end of its stage's one before and of its input. times: (stages, forward and backward, lanes)
  /// [s]; clocks: (stages, lanes) ends of the stages, 0 before [s]; finish: (operations, lanes).
  void (*pipeline)(const PipelineOperation* operations, std::int64_t count, const double* times,
                   double* clocks, double* finish);
};

const StepKernels& step_kernels();

}  // namespace lockstep
