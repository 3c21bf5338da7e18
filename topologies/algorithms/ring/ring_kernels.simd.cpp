#include "topologies/algorithms/ring/ring_kernels.hpp"

#include "engine/base/wide/doubles.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

/// Each register goes through all rows before the next is loaded, taking its left neighbours from
/// the register before:
///
///   row r+1 of ranks i .. i+7 needs row r of ranks i-1 .. i+7
template <bool uniform, bool jittered>
[[gnu::always_inline]] inline std::int64_t advance_rows(const RingSegment& segment, int rows,
                                                        double* left) {
  double* __restrict state = segment.state;
  const double* __restrict latencies = segment.latency;
  const double* __restrict gaps = segment.gap;
  const float* __restrict jitter = segment.jitter;
  const std::int64_t stride = segment.stride, ranks = segment.ranks;
  if (ranks < double_width) return 0;
  Doubles before[ring_depth];
  for (int r = 0; r < rows; ++r) before[r] = Doubles{} + left[r];
  Doubles latency = Doubles{} + *latencies, gap = Doubles{} + *gaps;
  std::int64_t i = 0;
  for (; i + double_width <= ranks; i += double_width) {
    if constexpr (!uniform) {
      latency = load(latencies + i);
      gap = load(gaps + i);
    }
    Doubles now = load(state + i);
    for (int r = 0; r < rows; ++r) {
      Doubles next = later(now + gap, shifted(before[r], now) + latency);
      if constexpr (jittered) next += load(jitter + r * stride + i);
      before[r] = now;
      now = next;
    }
    store(state + i, now);
  }
  for (int r = 0; r < rows; ++r) {
    double last[double_width];
    store(last, before[r]);
    left[r] = last[double_width - 1];
  }
  return i;
}

[[gnu::always_inline]] inline std::int64_t advance_segment(const RingSegment& segment, int rows,
                                                           double* left) {
  if (segment.jitter)
    return segment.uniform ? advance_rows<true, true>(segment, rows, left)
                           : advance_rows<false, true>(segment, rows, left);
  return segment.uniform ? advance_rows<true, false>(segment, rows, left)
                         : advance_rows<false, false>(segment, rows, left);
}

std::int64_t advance(const RingSegment& segment, double* left) {
  // With a constant number the rows before stay in registers.
  return segment.rows == ring_depth ? advance_segment(segment, ring_depth, left)
                                    : advance_segment(segment, segment.rows, left);
}

}  // namespace

const RingKernels ring_kernels{advance};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
