#include "tests/unit/single_precision_kernels.hpp"

#include "engine/base/wide/single_precision.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

template <class In, class Value, class Function>
[[gnu::always_inline]] inline void apply(const Value* x, float* result, std::size_t n,
                                         const Function& function) {
  for (std::size_t i = 0; i < n; i += width) {
    In in;
    __builtin_memcpy(&in, x + i, sizeof in);
    const Floats out = function(in);
    __builtin_memcpy(result + i, &out, sizeof out);
  }
}

void normals(const std::uint32_t* random, float* z, std::size_t n) {
  apply<Words>(random, z, n, [](Words w) { return standard_normal(w); });
}

void exponentials(const float* x, float* result, std::size_t n) {
  apply<Floats>(x, result, n, [](Floats v) { return exponential_less_one(v); });
}

}  // namespace

const SinglePrecisionKernels single_precision_kernels{normals, exponentials};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
