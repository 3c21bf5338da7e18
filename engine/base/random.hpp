#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace lockstep {

/// What a random number is for. Who draws declares it in a header, in namespace purpose, as
/// `inline constexpr Purpose name{number};`. Append only: a number, once published, keeps its
/// meaning. engine/MODEL.md lists all; a test holds that list and that no number is there twice.
enum class Purpose : std::uint8_t {};

/// Philox4x32-10 of Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3"
/// (SC'11), one block of four 32-bit words. Always inlined and free of calls, so that kernels
/// compiled for several instruction sets may include it and the vectorizer can run it in lanes.
struct PhiloxBlock {
  std::uint32_t word[4];
};

namespace detail {
// One 32-bit lane per 64-bit register half keeps the multiply a plain 32x32->64 (pmuludq).
[[gnu::always_inline]] inline PhiloxBlock philox4x32_10(std::uint32_t c0, std::uint32_t c1,
                                                        std::uint32_t c2, std::uint32_t c3,
                                                        std::uint32_t k0, std::uint32_t k1) {
  constexpr std::uint64_t m0 = 0xD2511F53u, m1 = 0xCD9E8D57u;
  constexpr std::uint32_t w0 = 0x9E3779B9u, w1 = 0xBB67AE85u;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = m0 * c0;
    const std::uint64_t p1 = m1 * c2;
    const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(p1);
    c3 = static_cast<std::uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += w0;
    k1 += w1;
  }
  return {{c0, c1, c2, c3}};
}
}  // namespace detail

/// A double strictly inside (0, 1) from 52 random bits b: (2b + 1) * 2^-53, so at least 2^-53 and
/// at most 1 - 2^-53; every value is exact, none is rounded to a bound. [SSE2 friendly: no cast]
[[gnu::always_inline]] inline double open_uniform(std::uint32_t low, std::uint32_t high) {
  const std::uint64_t bits = (static_cast<std::uint64_t>(high) << 20) ^ (low >> 12);
  return std::bit_cast<double>(bits | 0x3FF0000000000000u) - (1.0 - 0x1p-53);
}

/// The numbers of one purpose in one trial. Each is a pure function of
/// (seed, purpose, trial, entity, draw); nothing depends on history, threads or design points.
/// Counter layout: draw | entity low 32 | trial | purpose (8 bits) and entity high 24.
struct Stream {
  std::uint64_t seed = 0;
  Purpose purpose{};
  std::uint32_t trial = 0;

  /// Four words for the entity high * 2^32 + low (high below 2^24) and `draw`. Cost: one Philox
  /// block, about 4 ns.
  [[gnu::always_inline]] PhiloxBlock block_of(std::uint32_t low, std::uint32_t high,
                                              std::uint32_t draw) const {
    return detail::philox4x32_10(
        draw, low, trial, (static_cast<std::uint32_t>(purpose) << 24) | high,
        static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  }

  /// The same for `entity` below 2^56.
  [[gnu::always_inline]] PhiloxBlock block(std::uint64_t entity, std::uint32_t draw) const {
    return block_of(static_cast<std::uint32_t>(entity), static_cast<std::uint32_t>(entity >> 32),
                    draw);
  }

  /// One uniform strictly inside (0, 1).
  double uniform(std::uint64_t entity, std::uint32_t draw) const {
    const PhiloxBlock b = block(entity, draw);
    return open_uniform(b.word[0], b.word[1]);
  }

  /// Two independent uniforms of the same block, strictly inside (0, 1).
  std::array<double, 2> uniform_pair(std::uint64_t entity, std::uint32_t draw) const {
    const PhiloxBlock b = block(entity, draw);
    return {open_uniform(b.word[0], b.word[1]), open_uniform(b.word[2], b.word[3])};
  }

  /// A stream of its own for one (entity, draw): 2^64 keys, so that numbers indexed by more than
  /// 88 bits (one per message) still have an identity. Draws consumed here: one block.
  Stream child(std::uint64_t entity, std::uint32_t draw) const {
    const PhiloxBlock b = block(entity, draw);
    return {(static_cast<std::uint64_t>(b.word[1]) << 32) | b.word[0], purpose, trial};
  }
};

}  // namespace lockstep
