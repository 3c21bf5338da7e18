#pragma once

#include <cstdint>

namespace lockstep {

/// Inner loops of the ring recursion, compiled once per instruction set. In place, several rows in
/// one pass over memory, so that they are bound by arithmetic at any ring size.
struct RingKernels {
  /// `rows` rows of state(i) <- max(state(i) + gap(i), state(i-1) + latency(i)), rank -1 being the
  /// last. Arrays are (ranks) [s].
  void (*advance)(double* state, const double* latency, const double* gap, std::int64_t ranks,
                  std::int64_t rows);
  /// The same where every hop costs the same.
  void (*advance_uniform)(double* state, double latency, double gap, std::int64_t ranks,
                          std::int64_t rows);
};

const RingKernels& ring_kernels();

}  // namespace lockstep
