#include "topologies/algorithms/ring/ring_kernels.hpp"

#include <immintrin.h>

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

// One register of doubles. max(a, b) is a > b ? a : b on every level; shifted(before, now) is `now`
// moved up by one lane, with the last lane of `before` in the first.
#if defined(__AVX512F__)
using Lanes = __m512d;
constexpr int width = 8;
[[gnu::always_inline]] inline Lanes load(const double* p) {
  return _mm512_loadu_pd(p);
}
[[gnu::always_inline]] inline Lanes load(const float* p) {
  return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
[[gnu::always_inline]] inline void store(double* p, Lanes v) {
  _mm512_storeu_pd(p, v);
}
[[gnu::always_inline]] inline Lanes all(double x) {
  return _mm512_set1_pd(x);
}
[[gnu::always_inline]] inline Lanes add(Lanes a, Lanes b) {
  return _mm512_add_pd(a, b);
}
[[gnu::always_inline]] inline Lanes max(Lanes a, Lanes b) {
  return _mm512_max_pd(a, b);
}
[[gnu::always_inline]] inline Lanes shifted(Lanes before, Lanes now) {
  return _mm512_castsi512_pd(
      _mm512_alignr_epi64(_mm512_castpd_si512(now), _mm512_castpd_si512(before), 7));
}
#elif defined(__AVX2__)
using Lanes = __m256d;
constexpr int width = 4;
[[gnu::always_inline]] inline Lanes load(const double* p) {
  return _mm256_loadu_pd(p);
}
[[gnu::always_inline]] inline Lanes load(const float* p) {
  return _mm256_cvtps_pd(_mm_loadu_ps(p));
}
[[gnu::always_inline]] inline void store(double* p, Lanes v) {
  _mm256_storeu_pd(p, v);
}
[[gnu::always_inline]] inline Lanes all(double x) {
  return _mm256_set1_pd(x);
}
[[gnu::always_inline]] inline Lanes add(Lanes a, Lanes b) {
  return _mm256_add_pd(a, b);
}
[[gnu::always_inline]] inline Lanes max(Lanes a, Lanes b) {
  return _mm256_max_pd(a, b);
}
[[gnu::always_inline]] inline Lanes shifted(Lanes before, Lanes now) {
  return _mm256_shuffle_pd(_mm256_permute2f128_pd(before, now, 0x21), now, 0b0101);
}
#else
using Lanes = __m128d;
constexpr int width = 2;
[[gnu::always_inline]] inline Lanes load(const double* p) {
  return _mm_loadu_pd(p);
}
[[gnu::always_inline]] inline Lanes load(const float* p) {
  return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
[[gnu::always_inline]] inline void store(double* p, Lanes v) {
  _mm_storeu_pd(p, v);
}
[[gnu::always_inline]] inline Lanes all(double x) {
  return _mm_set1_pd(x);
}
[[gnu::always_inline]] inline Lanes add(Lanes a, Lanes b) {
  return _mm_add_pd(a, b);
}
[[gnu::always_inline]] inline Lanes max(Lanes a, Lanes b) {
  return _mm_max_pd(a, b);
}
[[gnu::always_inline]] inline Lanes shifted(Lanes before, Lanes now) {
  return _mm_shuffle_pd(before, now, 0b01);
}
#endif

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
  if (ranks < width) return 0;
  Lanes before[ring_depth];
  for (int r = 0; r < rows; ++r) before[r] = all(left[r]);
  Lanes latency = all(*latencies), gap = all(*gaps);
  std::int64_t i = 0;
  for (; i + width <= ranks; i += width) {
    if constexpr (!uniform) {
      latency = load(latencies + i);
      gap = load(gaps + i);
    }
    Lanes now = load(state + i);
    for (int r = 0; r < rows; ++r) {
      Lanes next = max(add(now, gap), add(shifted(before[r], now), latency));
      if constexpr (jittered) next = add(next, load(jitter + r * stride + i));
      before[r] = now;
      now = next;
    }
    store(state + i, now);
  }
  for (int r = 0; r < rows; ++r) {
    double last[width];
    store(last, before[r]);
    left[r] = last[width - 1];
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
