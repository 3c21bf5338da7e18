#pragma once

#include <cstdint>

namespace lockstep {

/// Inner loops of the ring recursion, compiled once per instruction set.
/// State arrays are (ranks) with one element before the first for the wrap-around.
struct RingKernels {
  /// `rows` rows of T(i) <- max(T(i) + gap[i], T(i-1) + latency[i]), rank -1 being the last.
  /// Returns whichever of `state` and `spare` holds the result. [s]
  double* (*advance)(double* state, double* spare, const double* latency, const double* gap,
                     std::int64_t ranks, std::int64_t rows);
  /// The same where every hop costs the same.
  double* (*advance_uniform)(double* state, double* spare, double latency, double gap,
                             std::int64_t ranks, std::int64_t rows);
};

const RingKernels& ring_kernels();

}  // namespace lockstep
