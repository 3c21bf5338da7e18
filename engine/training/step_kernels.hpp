#pragma once

#include <cstdint>

#include "engine/base/random.hpp"
#include "engine/base/simd.hpp"

namespace lockstep {

/// Chips of one row of a layout, by random identity.
struct ChipRow {
  const std::uint32_t* entity_low = nullptr;
  const std::uint32_t* entity_high = nullptr;
  std::int64_t count = 0;
};

/// Loops over chips, compiled once per instruction set.
struct StepKernels {
  /// factor[i] = exp(sigma z - sigma^2 / 2), z the standard normal of (chip i, draw): lognormal of
  /// mean 1. One block a chip.
  void (*lognormal_factors)(const Stream& stream, const ChipRow& chips, std::uint32_t draw,
                            double sigma, double* factor);
  /// normal[i] = the second standard normal of the same block, independent of the first.
  void (*second_normals)(const Stream& stream, const ChipRow& chips, std::uint32_t draw,
                         double* normal);
};

LOCKSTEP_KERNELS(StepKernels, step_kernels)

}  // namespace lockstep
