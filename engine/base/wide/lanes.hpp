#pragma once

#include <immintrin.h>

#include <cstdint>

#include "engine/base/random.hpp"

/// For kernel files alone: registers of floats and 32-bit words, 16 lanes in one or more of them,
/// and what is made of them. Every level gives the same bits.
namespace lockstep::LOCKSTEP_SIMD_LEVEL {

// A tile has 16 lanes on every level; a register holds `width` of them.
constexpr int lanes = 16;
#if defined(__AVX512F__)
constexpr int width = 16;
#elif defined(__AVX2__)
constexpr int width = 8;
#else
constexpr int width = 4;
#endif
using Words [[gnu::vector_size(4 * width)]] = std::uint32_t;
using Integers [[gnu::vector_size(4 * width)]] = std::int32_t;
using Floats [[gnu::vector_size(4 * width)]] = float;

[[gnu::always_inline]] inline Integers as_integers(Words x) {
  return reinterpret_cast<Integers>(x);
}

/// Correctly rounded.
[[gnu::always_inline]] inline Floats square_root(Floats x) {
#if defined(__AVX512F__)
  return reinterpret_cast<Floats>(_mm512_sqrt_ps(reinterpret_cast<__m512>(x)));
#elif defined(__AVX2__)
  return reinterpret_cast<Floats>(_mm256_sqrt_ps(reinterpret_cast<__m256>(x)));
#else
  return reinterpret_cast<Floats>(_mm_sqrt_ps(reinterpret_cast<__m128>(x)));
#endif
}

/// Of a mask whose lanes are all ones or zeros.
[[gnu::always_inline]] inline bool any(Integers mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0;
#else
  return _mm_movemask_ps(reinterpret_cast<__m128>(mask)) != 0;
#endif
}

template <int bits>
[[gnu::always_inline]] inline Words rotated(Words x) {
  return (x << bits) | (x >> (32 - bits));
}

/// xoshiro128++ in every lane (Blackman and Vigna, "Scrambled linear pseudorandom number
/// generators", ACM TOMS 47, 2021).
struct Generator {
  Words s0, s1, s2, s3;

  [[gnu::always_inline]] Words next() {
    const Words result = rotated<7>(s0 + s3) + s0;
    const Words shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotated<11>(s3);
    return result;
  }
};

/// Where the generators of a tile's lanes begin: lane l with the Philox block of (low + l, high;
/// draw), with a last word of 1 where the block is 0.
struct alignas(64) Seeds {
  std::uint32_t word[4][lanes];

  [[gnu::always_inline]] inline Seeds(const Stream& of, std::uint32_t low, std::uint32_t high,
                                      std::uint32_t draw) {
    const Stream stream = of;
#pragma omp simd
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      const PhiloxBlock b = stream.block_of(low + lane, high, draw);
      const bool zero = (b.word[0] | b.word[1] | b.word[2] | b.word[3]) == 0;
      word[0][lane] = b.word[0];
      word[1][lane] = b.word[1];
      word[2][lane] = b.word[2];
      word[3][lane] = zero ? 1 : b.word[3];
    }
  }

  [[gnu::always_inline]] inline Words load(int i, int lane) const {
    Words words;
    __builtin_memcpy(&words, word[i] + lane, sizeof words);
    return words;
  }
  [[gnu::always_inline]] inline Generator generator(int lane) const {
    return {load(0, lane), load(1, lane), load(2, lane), load(3, lane)};
  }
};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
