#pragma once

#include "engine/base/wide/lanes.hpp"

/// For kernel files alone: registers of doubles. Every level gives the same bits.
namespace lockstep::LOCKSTEP_SIMD_LEVEL {

constexpr int double_width = width / 2;  ///< of a register
using Doubles [[gnu::vector_size(8 * double_width)]] = double;

[[gnu::always_inline]] inline Doubles load(const double* p) {
  Doubles x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
[[gnu::always_inline]] inline Doubles load(const float* p) {
  using Half [[gnu::vector_size(4 * double_width)]] = float;
  Half x;
  __builtin_memcpy(&x, p, sizeof x);
  return __builtin_convertvector(x, Doubles);
}
[[gnu::always_inline]] inline void store(double* p, Doubles x) {
  __builtin_memcpy(p, &x, sizeof x);
}

/// a > b ? a : b; one instruction, which compilers do not make of that.
[[gnu::always_inline]] inline Doubles later(Doubles a, Doubles b) {
#if defined(__AVX512F__)
  return reinterpret_cast<Doubles>(
      _mm512_max_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<Doubles>(
      _mm256_max_pd(reinterpret_cast<__m256d>(a), reinterpret_cast<__m256d>(b)));
#else
  return reinterpret_cast<Doubles>(
      _mm_max_pd(reinterpret_cast<__m128d>(a), reinterpret_cast<__m128d>(b)));
#endif
}

/// `now` moved up by one lane, with the last lane of `before` in the first.
[[gnu::always_inline]] inline Doubles shifted(Doubles before, Doubles now) {
#if defined(__AVX512F__)
  return reinterpret_cast<Doubles>(
      _mm512_alignr_epi64(reinterpret_cast<__m512i>(now), reinterpret_cast<__m512i>(before), 7));
#elif defined(__AVX2__)
  return __builtin_shufflevector(before, now, 3, 4, 5, 6);
#else
  return __builtin_shufflevector(before, now, 1, 2);
#endif
}

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
