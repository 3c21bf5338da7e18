#pragma once

#include <cstdint>

namespace lockstep {

/// One row of messages along one dimension and direction of a group's sub-torus, seen as
/// (outer, length, inner) with rings along `length`. Arrays are (ranks) [s] unless said otherwise.
struct TorusRow {
  std::int64_t outer = 1, length = 1, inner = 1;
  bool forward = true;            ///< messages come from the rank before (else after)
  const double* state = nullptr;  ///< when each rank holds the last message
  const double* own = nullptr;    ///< when its receive port is free (`state` but in a first row)
  const double* seconds_per_byte = nullptr;  ///< of the hop into each rank [s/B]
  double bytes = 0;                          ///< of one message [B]
  double latency = 0;                        ///< of one hop [s]
  double* next = nullptr;                    ///< out
};

struct TorusKernels {
  /// next(i) = max(own(i) + g, state(before i) + latency + g), g = seconds_per_byte(i) bytes.
  void (*advance)(const TorusRow&);
};

const TorusKernels& torus_kernels();

}  // namespace lockstep
