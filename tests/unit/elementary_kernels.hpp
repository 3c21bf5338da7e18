#pragma once

#include <cstddef>

namespace lockstep {

/// The inline elementary functions applied to arrays of n numbers, as one instruction set
/// compiles them.
struct ElementaryKernels {
  using Unary = void (*)(const double* x, double* result, std::size_t n);
  using Binary = void (*)(const double* x, const double* y, double* result, std::size_t n);
  Unary log, log1p, exp, expm1, sin_two_pi, cos_two_pi, normal_quantile, sqrt;
  Binary pow;
};

namespace sse2 {
extern const ElementaryKernels elementary_kernels;
}
namespace avx2 {
extern const ElementaryKernels elementary_kernels;
}
namespace avx512 {
extern const ElementaryKernels elementary_kernels;
}

}  // namespace lockstep
