#include "engine/noise/message_jitter_kernels.hpp"

#include <immintrin.h>

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

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

template <int bits>
[[gnu::always_inline]] inline Words rotated(Words x) {
  return (x << bits) | (x >> (32 - bits));
}

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

struct alignas(64) Seeds {
  std::uint32_t word[4][lanes];

  [[gnu::always_inline]] inline Seeds(const Stream& of, std::uint32_t group, std::uint64_t tile) {
    const Stream stream = of;
    const auto low = static_cast<std::uint32_t>(tile << 4);
    const auto high = static_cast<std::uint32_t>(tile >> 28);
#pragma omp simd
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      const PhiloxBlock b = stream.block_of(low + lane, high, group);
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

/// -log of the uniform of 32 random bits: x = 2^k m with sqrt(1/2) <= m < sqrt(2), and log(m) =
/// (m - 1) p(m - 1) with p of degree 7, minimax in relative error (1.7e-7, own fit).
[[gnu::always_inline]] inline Floats minus_log_uniform(Words random) {
  const Words half = random >> 1;  // a signed conversion exists from SSE2 on
  const Floats rounded = __builtin_convertvector(reinterpret_cast<Integers>(half), Floats) + 0.5f;
  const Floats most = Floats{} + 0x1.fffffep30f;
  const Floats x = rounded < most ? rounded : most;
  const Words bits = reinterpret_cast<Words>(x);
  const Words above = bits - 0x3F3504F3u;  // of sqrt(1/2)
  const Floats k = __builtin_convertvector(31 - (reinterpret_cast<Integers>(above) >> 23), Floats);
  const Floats f = reinterpret_cast<Floats>(bits - (above & 0xFF800000u)) - 1.0f;
  Floats p = -0.1010689604f * f + 0.1622258091f;
  p = p * f - 0.1725082971f;
  p = p * f + 0.1990016541f;
  p = p * f - 0.2496990906f;
  p = p * f + 0.3333505895f;
  p = p * f - 0.5000036512f;
  p = p * f + 0.9999999453f;
  return k * 0.6931471806f - f * p;
}

struct Proportional {
  float scale;
  [[gnu::always_inline]] Floats operator()(Floats y) const { return y * scale; }
};

/// One 64-bit load a lane, of value and slope; then the pairs are parted.
struct Tabulated {
  const JitterBin* bins;
  [[gnu::always_inline]] Floats operator()(Floats y) const {
    const Words bin = (reinterpret_cast<Words>(y) >> jitter_bin_shift) - jitter_first_bin;
#if defined(__AVX512F__)
    const __m512i at = reinterpret_cast<__m512i>(bin);
    const __m512i low = _mm512_i32gather_epi64(_mm512_castsi512_si256(at), bins, 8);
    const __m512i high = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(at, 1), bins, 8);
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    const auto value = reinterpret_cast<Floats>(_mm512_permutex2var_epi32(low, even, high));
    const auto slope = reinterpret_cast<Floats>(_mm512_permutex2var_epi32(low, odd, high));
#else
    double pair[width];
    for (int lane = 0; lane < width; ++lane)
      __builtin_memcpy(pair + lane, bins + bin[lane], sizeof(JitterBin));
#if defined(__AVX2__)
    const __m256 low = _mm256_castpd_ps(_mm256_setr_pd(pair[0], pair[1], pair[4], pair[5]));
    const __m256 high = _mm256_castpd_ps(_mm256_setr_pd(pair[2], pair[3], pair[6], pair[7]));
    const auto value = reinterpret_cast<Floats>(_mm256_shuffle_ps(low, high, 0b10001000));
    const auto slope = reinterpret_cast<Floats>(_mm256_shuffle_ps(low, high, 0b11011101));
#else
    const __m128 low = _mm_castpd_ps(_mm_setr_pd(pair[0], pair[1]));
    const __m128 high = _mm_castpd_ps(_mm_setr_pd(pair[2], pair[3]));
    const auto value = reinterpret_cast<Floats>(_mm_shuffle_ps(low, high, 0b10001000));
    const auto slope = reinterpret_cast<Floats>(_mm_shuffle_ps(low, high, 0b11011101));
#endif
#endif
    return value + slope * y;
  }
};

/// Steps begin .. end-1 of a tile, (end - begin, lanes).
template <class Shape>
[[gnu::always_inline]] inline void fill_steps(const Stream& stream, std::uint32_t group,
                                              const Shape& shape, std::uint64_t tile, int begin,
                                              int end, float* delay) {
  const Seeds seeds(stream, group, tile);
  for (int lane = 0; lane < lanes; lane += width) {
    Generator generator = seeds.generator(lane);
    for (int s = 0; s < begin; ++s) generator.next();
    for (int s = begin; s < end; ++s) {
      const Floats value = shape(minus_log_uniform(generator.next()));
      __builtin_memcpy(delay + (s - begin) * lanes + lane, &value, sizeof value);
    }
  }
}

template <class Shape>
[[gnu::always_inline]] inline void fill_messages(const Stream& stream, std::uint32_t group,
                                                 const Shape& shape, std::uint64_t first,
                                                 std::int64_t count, float* delay) {
  while (count > 0) {
    const std::uint64_t tile = first / jitter_tile;
    const int begin = static_cast<int>(first % jitter_tile);
    const int messages =
        static_cast<int>(count < jitter_tile - begin ? count : jitter_tile - begin);
    const int end = begin + messages;
    if (begin % lanes == 0 && end % lanes == 0) {
      fill_steps(stream, group, shape, tile, begin / lanes, end / lanes, delay);
    } else {
      alignas(64) float covering[jitter_tile];
      fill_steps(stream, group, shape, tile, begin / lanes, (end + lanes - 1) / lanes, covering);
      __builtin_memcpy(delay, covering + begin % lanes,
                       static_cast<std::size_t>(messages) * sizeof(float));
    }
    first += static_cast<std::uint64_t>(messages);
    count -= messages;
    delay += messages;
  }
}

void fill(const Stream& stream, std::uint32_t group, const JitterShape& shape, std::uint64_t first,
          std::int64_t count, float* delay) {
  if (shape.bins)
    fill_messages(stream, group, Tabulated{shape.bins}, first, count, delay);
  else
    fill_messages(stream, group, Proportional{shape.scale}, first, count, delay);
}

}  // namespace

const MessageJitterKernels message_jitter_kernels{fill};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
