#include "engine/noise/message_jitter_kernels.hpp"

#include "engine/base/wide/single_precision.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

/// -log of the uniform of 32 random bits.
[[gnu::always_inline]] inline Floats minus_log_uniform(Words random) {
  const Floats rounded = upper_bits(random);
  const Floats most = Floats{} + 0x1.fffffep30f;
  return minus_log<31>(rounded < most ? rounded : most);
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
  const Seeds seeds(stream, static_cast<std::uint32_t>(tile << 4),
                    static_cast<std::uint32_t>(tile >> 28), group);
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
