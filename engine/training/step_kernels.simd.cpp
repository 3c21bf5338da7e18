#include "engine/training/step_kernels.hpp"

#include "engine/base/elementary.hpp"
#include "engine/base/wide/single_precision.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

struct Normal {
  float above, part, below;
  [[gnu::always_inline]] Floats operator()(Words random) const {
    return normal_of_tail(random, above, part, below);
  }
};

struct Lognormal {
  float sigma, shift;
  [[gnu::always_inline]] Floats operator()(Words random) const {
    return exponential_less_one(sigma * standard_normal(random) + shift);
  }
};

/// Steps begin .. end-1 of a tile, (end - begin, lanes).
template <class Shape>
[[gnu::always_inline]] inline void fill_steps(const Stream& stream, std::uint32_t kind,
                                              std::uint32_t draw, const Shape& shape,
                                              std::uint32_t tile, int begin, int end,
                                              float* value) {
  const Seeds seeds(stream, tile * lanes, kind, draw);
  for (int lane = 0; lane < lanes; lane += width) {
    Generator generator = seeds.generator(lane);
    for (int s = 0; s < begin; ++s) generator.next();
    for (int s = begin; s < end; ++s) {
      const Floats one = shape(generator.next());
      __builtin_memcpy(value + (s - begin) * lanes + lane, &one, sizeof one);
    }
  }
}

template <class Shape>
[[gnu::always_inline]] inline void fill(const Stream& stream, const Identities& who,
                                        std::uint32_t draw, const Shape& shape, float* value) {
  std::uint32_t first = who.first;
  for (std::int64_t left = who.count; left > 0;) {
    const std::uint32_t tile = first / normal_tile;
    const int begin = static_cast<int>(first % normal_tile);
    const int room = static_cast<int>(normal_tile) - begin;
    const int count = left < room ? static_cast<int>(left) : room;
    if (count == static_cast<int>(normal_tile)) {
      fill_steps(stream, who.kind, draw, shape, tile, 0, static_cast<int>(normal_tile) / lanes,
                 value);
    } else {
      float part[normal_tile];
      const int from = begin / lanes;
      fill_steps(stream, who.kind, draw, shape, tile, from, (begin + count + lanes - 1) / lanes,
                 part);
      __builtin_memcpy(value, part + (begin - from * lanes),
                       static_cast<std::size_t>(count) * sizeof(float));
    }
    value += count;
    first += static_cast<std::uint32_t>(count);
    left -= count;
  }
}

void normals(const Stream& stream, const Identities& who, std::uint32_t draw,
             const NormalPart& part, float* z) {
  fill(stream, who, draw, Normal{part.above, part.width, 1 - part.above - part.width}, z);
}

void lognormals(const Stream& stream, const Identities& who, std::uint32_t draw, float sigma,
                float shift, float* factor_less_one) {
  fill(stream, who, draw, Lognormal{sigma, shift}, factor_less_one);
}

void shifted_lognormals(const ShiftedLognormals& laws, const float* z, std::int64_t count,
                        double* beyond) {
  const double* __restrict scale = laws.scale;
  const double* __restrict bend = laws.bend;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i)
    beyond[i] = scale[i] * elementary::expm1(bend[i] * (static_cast<double>(z[i]) - 0.5 * bend[i]));
}

}  // namespace

const StepKernels step_kernels{normals, lognormals, shifted_lognormals};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
