#pragma once

#include <cstdint>

#include "engine/base/random.hpp"
#include "engine/base/simd.hpp"

namespace lockstep {

/// Consecutive identities that share a generator.
inline constexpr std::uint32_t normal_tile = 256;

/// Consecutive identities of one kind: chips of a generation, tensor groups, replicas.
struct Identities {
  std::uint32_t kind = 0;  ///< below 2^24
  std::uint32_t first = 0;
  std::int64_t count = 0;
};

/// Part of the normal distribution: upper tails above + width u of uniform u.
struct NormalPart {
  float above = 0, width = 1;
};

/// Shifted lognormals: scale (exp(bend z - bend^2 / 2) - 1).
struct ShiftedLognormals {
  const double* scale = nullptr;  ///< [s]
  const double* bend = nullptr;
};

/// Loops over chips, compiled once per instruction set.
///
/// Tile t, the identities 256 t .. 256 t + 255 of a kind, has a generator of 16 lanes (lanes.hpp)
/// that begins with the Philox blocks of (16 t + lane, kind; draw); identity 256 t + 16 s + l takes
/// output s of lane l. Some asked or all, the numbers are the same. Cost on AVX2: 2 ns a number,
/// and 0.1 us a tile of which less is asked.
struct StepKernels {
  /// z[i] (count): standard normals of `who`, each from `part`; error below 6e-7 (1 + |z|), |z| <=
  /// 6.338. The same bits give a number of either part.
  void (*normals)(const Stream& stream, const Identities& who, std::uint32_t draw,
                  const NormalPart& part, float* z);
  /// factor[i] (count) = exp(sigma z[i] + shift) - 1 of normals z, |sigma z + shift| < 80; with
  /// shift = -sigma^2 / 2 what a lognormal of mean 1 differs from it.
  void (*lognormals)(const Stream& stream, const Identities& who, std::uint32_t draw, float sigma,
                     float shift, float* factor_less_one);
  /// beyond[i] (count) [s] = the shifted lognormal i at z[i].
  void (*shifted_lognormals)(const ShiftedLognormals& laws, const float* z, std::int64_t count,
                             double* beyond);
};

LOCKSTEP_KERNELS(StepKernels, step_kernels)

}  // namespace lockstep
