#include "engine/training/step_kernels.hpp"

#include "engine/base/elementary.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

void lognormal_factors(const Stream& stream, const ChipRow& chips, std::uint32_t draw, double sigma,
                       double* factor) {
  const Stream s = stream;
  const std::uint32_t* __restrict low = chips.entity_low;
  const std::uint32_t* __restrict high = chips.entity_high;
  const double shift = -0.5 * sigma * sigma;
#pragma omp simd
  for (std::int64_t i = 0; i < chips.count; ++i) {
    const PhiloxBlock b = s.block_of(low[i], high[i], draw);
    const double z = elementary::normal_quantile(open_uniform(b.word[0], b.word[1]));
    factor[i] = elementary::exp(sigma * z + shift);
  }
}

void second_normals(const Stream& stream, const ChipRow& chips, std::uint32_t draw,
                    double* normal) {
  const Stream s = stream;
  const std::uint32_t* __restrict low = chips.entity_low;
  const std::uint32_t* __restrict high = chips.entity_high;
#pragma omp simd
  for (std::int64_t i = 0; i < chips.count; ++i) {
    const PhiloxBlock b = s.block_of(low[i], high[i], draw);
    normal[i] = elementary::normal_quantile(open_uniform(b.word[2], b.word[3]));
  }
}

}  // namespace

const StepKernels step_kernels{lognormal_factors, second_normals};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
