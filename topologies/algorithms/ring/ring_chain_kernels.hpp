#pragma once

#include <cstdint>

#include "engine/base/simd.hpp"

namespace lockstep {

/// Inner loops of RingChains, compiled once per instruction set. Arrays are by position on the
/// ring; `path` is the sum of latencies from position 0 to each, `slope` a gap [s].
struct RingChainKernels {
  /// finish(i) <- max(finish(i), longest chain without delays that waits, all its waits together,
  /// at a position of gap >= slope), after `rows` rows: two laps, 2 (ranks - 1), or one less. `lap`
  /// is the sum of all latencies; `scratch` is (ring_chain_scratch(ranks)).
  void (*quiet_two_laps)(const double* ready, const double* path, const double* gap,
                         std::int64_t ranks, std::int64_t rows, double lap, double slope,
                         double* scratch, double* finish);
  /// The same after one lap, ranks - 1 rows, or one less.
  void (*quiet_one_lap)(const double* ready, const double* path, const double* gap,
                        std::int64_t ranks, std::int64_t rows, double lap, double slope,
                        double* scratch, double* finish);
  /// max of ready(i) - path(i) + i slope over first <= i < last.
  double (*best_start)(const double* ready, const double* path, double slope, std::int64_t first,
                       std::int64_t last);
  /// finish(i) <- max(finish(i), path(i) - i slope + offset) for first <= i < last.
  void (*raise)(const double* path, double slope, double offset, std::int64_t first,
                std::int64_t last, double* finish);
  /// The least first <= i < last of gap(i) > bound, or last.
  std::int64_t (*next_above)(const double* gap, double bound, std::int64_t first,
                             std::int64_t last);
  /// The greatest first <= i < last of gap(i) > bound, or first - 1.
  std::int64_t (*last_above)(const double* gap, double bound, std::int64_t first,
                             std::int64_t last);
};

/// Doubles of scratch.
constexpr std::int64_t ring_chain_scratch(std::int64_t ranks) {
  return 2 * ranks + 1;
}

LOCKSTEP_KERNELS(RingChainKernels, ring_chain_kernels)

}  // namespace lockstep
