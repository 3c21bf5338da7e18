#include "topologies/ring_kernels.hpp"

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

[[gnu::always_inline]] inline double later(double a, double b) {
  return a > b ? a : b;
}

/// Where hops cost what: arrays, or the same everywhere.
struct HopArrays {
  const double *latency, *gap;
  [[gnu::always_inline]] Lanes latencies(std::int64_t i) const { return load(latency + i); }
  [[gnu::always_inline]] Lanes gaps(std::int64_t i) const { return load(gap + i); }
  [[gnu::always_inline]] double latency_at(std::int64_t i) const { return latency[i]; }
  [[gnu::always_inline]] double gap_at(std::int64_t i) const { return gap[i]; }
};
struct UniformHops {
  double latency, gap;
  [[gnu::always_inline]] Lanes latencies(std::int64_t) const { return all(latency); }
  [[gnu::always_inline]] Lanes gaps(std::int64_t) const { return all(gap); }
  [[gnu::always_inline]] double latency_at(std::int64_t) const { return latency; }
  [[gnu::always_inline]] double gap_at(std::int64_t) const { return gap; }
};

/// Advances the whole ring by `depth` rows in one pass over memory: each register goes through all
/// rows before the next is loaded, taking its left neighbours from the register before.
///
///   row r+1 of ranks i .. i+7 needs row r of ranks i-1 .. i+7
///
/// What rank 0 needs, the rows of the last rank, is worked out first from the last `depth` ranks.
template <int depth, class Hops>
[[gnu::always_inline]] inline void advance_rows(double* state, const Hops& hops,
                                                std::int64_t ranks) {
  double tail[depth], left[depth];
  for (int j = 0; j < depth; ++j) tail[j] = state[ranks - depth + j];
  for (int r = 0; r < depth; ++r) {
    left[r] = tail[depth - 1];
    for (int j = depth - 1; j > r; --j) {
      const std::int64_t i = ranks - depth + j;
      tail[j] = later(tail[j] + hops.gap_at(i), tail[j - 1] + hops.latency_at(i));
    }
  }
  Lanes before[depth];
  for (int r = 0; r < depth; ++r) before[r] = all(left[r]);
  std::int64_t i = 0;
  for (; i + width <= ranks; i += width) {
    const Lanes latency = hops.latencies(i), gap = hops.gaps(i);
    Lanes now = load(state + i);
    for (int r = 0; r < depth; ++r) {
      const Lanes next = max(add(now, gap), add(shifted(before[r], now), latency));
      before[r] = now;
      now = next;
    }
    store(state + i, now);
  }
  if (i > 0)
    for (int r = 0; r < depth; ++r) {
      double last[width];
      store(last, before[r]);
      left[r] = last[width - 1];
    }
  for (; i < ranks; ++i) {
    double now = state[i];
    for (int r = 0; r < depth; ++r) {
      const double next = later(now + hops.gap_at(i), left[r] + hops.latency_at(i));
      left[r] = now;
      now = next;
    }
    state[i] = now;
  }
}

template <class Hops>
[[gnu::always_inline]] inline void advance_ring(double* state, const Hops& hops, std::int64_t ranks,
                                                std::int64_t rows) {
  constexpr int depth = 8;
  if (ranks >= depth)
    for (; rows >= depth; rows -= depth) advance_rows<depth>(state, hops, ranks);
  for (; rows > 0; --rows) advance_rows<1>(state, hops, ranks);
}

void advance(double* state, const double* latency, const double* gap, std::int64_t ranks,
             std::int64_t rows) {
  advance_ring(state, HopArrays{latency, gap}, ranks, rows);
}

void advance_uniform(double* state, double latency, double gap, std::int64_t ranks,
                     std::int64_t rows) {
  advance_ring(state, UniformHops{latency, gap}, ranks, rows);
}

}  // namespace

extern const RingKernels ring_kernels;
const RingKernels ring_kernels{advance, advance_uniform};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
