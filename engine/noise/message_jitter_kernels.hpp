#pragma once

#include <cstdint>

#include "engine/base/random.hpp"
#include "engine/base/simd.hpp"

namespace lockstep {

/// Consecutive messages of a group that share a generator.
inline constexpr std::int64_t jitter_tile = 512;

/// Bins of a tabulated law: 2^-24 <= y < 32, each octave in 2^7 bins, so that both tails are
/// resolved and the bin is the top of y's bit pattern.
inline constexpr int jitter_bin_shift = 23 - 7;
inline constexpr std::uint32_t jitter_first_bin = 0x33800000u >> jitter_bin_shift;
inline constexpr std::uint32_t jitter_bins = (0x42000000u >> jitter_bin_shift) - jitter_first_bin;

/// delay = value + slope y [s] on one bin.
struct JitterBin {
  float value, slope;
};

/// A delay as a function of a standard exponential variable y.
struct JitterShape {
  float scale = 0;                  ///< delay = scale y [s] where there are no bins
  const JitterBin* bins = nullptr;  ///< (jitter_bins)
};

/// Dense delays of messages, compiled once per instruction set.
struct MessageJitterKernels {
  /// delay[i] [s], (count), of the messages first + i of `group`; first below 2^56, count >= 0.
  ///
  /// Tile t, the messages 512 t .. 512 t + 511, has a generator of 16 lanes of 32 bits, each an
  /// xoshiro128++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS
  /// 47, 2021). Lane l starts from the Philox block of (entity 16 t + l, draw group) of `stream`,
  /// with a last word of 1 where the block is 0; message 512 t + 16 s + l takes output s of lane l:
  ///
  ///   u = (its upper 31 bits + 1/2) 2^-31 rounded to a float below 1,  y = -log u
  ///
  /// so 2^-24 <= y < 22.2 (what is rarer, 1 in 2^32, does not occur), in floats, with a relative
  /// error below 1e-6. Draws: 16 blocks a tile touched; cost about 0.6 ns a message with AVX-512,
  /// 0.8 ns with bins, and 0.1 us a call.
  void (*fill)(const Stream& stream, std::uint32_t group, const JitterShape& shape,
               std::uint64_t first, std::int64_t count, float* delay);
};

LOCKSTEP_KERNELS(MessageJitterKernels, message_jitter_kernels)

}  // namespace lockstep
