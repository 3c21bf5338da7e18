#pragma once

#include <cstdint>

#include "engine/base/simd.hpp"

namespace lockstep {

/// Many hops side by side, from one chunk that is followed to the next. Arrays are (count) [s].
struct InNetworkKernels {
  /// arrival(i) <- max(arrival(i) + steps gap(i), have(i) + latency(i)), latency with
  /// serialization; `steps` chunks since the last.
  void (*advance)(std::int64_t count, double steps, const double* gap, const double* latency,
                  const double* have, double* arrival);
  /// Takes `start` among the two latest of each.
  void (*rank)(std::int64_t count, const double* start, double* latest, double* second);
  /// port(i) <- max(port(i) + steps gap(i), latest of the others + latency(i)), the others of i's
  /// being `second` where `start` is the latest.
  void (*receive)(std::int64_t count, double steps, const double* gap, const double* latency,
                  const double* start, const double* latest, const double* second, double* port);
};

LOCKSTEP_KERNELS(InNetworkKernels, in_network_kernels)

}  // namespace lockstep
