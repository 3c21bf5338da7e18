#pragma once

#include <cstdint>

#include "engine/base/simd.hpp"

namespace lockstep {

/// Rows that a pass over memory takes at once, so that it is bound by arithmetic at any ring size.
inline constexpr int ring_depth = 8;

/// Neighbouring ranks before a pass of `rows` rows, 1 .. ring_depth.
struct RingSegment {
  double* state;                  ///< (ranks) [s]
  const double *latency, *gap;    ///< of the hop into each rank, (ranks) [s]
  const float* jitter = nullptr;  ///< (rows, ranks) with `stride` between rows [s]; null: none
  std::int64_t stride = 0;
  std::int64_t ranks;
  int rows;
  bool uniform;  ///< every hop costs the same
};

/// Inner loop of the ring recursion, compiled once per instruction set.
struct RingKernels {
  /// `rows` times in place
  ///
  ///   state(i) <- max(state(i) + gap(i), state(i-1) + latency(i)) + jitter(row, i)
  ///
  /// for as many of the first ranks as fill vectors; returns their number. left[r] is the rank
  /// before the first as row r finds it, and afterwards the last rank done.
  std::int64_t (*advance)(const RingSegment& segment, double* left);
};

LOCKSTEP_KERNELS(RingKernels, ring_kernels)

}  // namespace lockstep
