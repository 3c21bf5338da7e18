#pragma once

#include <cstddef>
#include <cstdint>

namespace lockstep {

/// The functions of floats in lanes applied to arrays of n, a multiple of 16, as one instruction
/// set compiles them.
struct SinglePrecisionKernels {
  void (*standard_normal)(const std::uint32_t* random, float* z, std::size_t n);
  void (*exponential_less_one)(const float* x, float* result, std::size_t n);
};

namespace sse2 {
extern const SinglePrecisionKernels single_precision_kernels;
}
namespace avx2 {
extern const SinglePrecisionKernels single_precision_kernels;
}
namespace avx512 {
extern const SinglePrecisionKernels single_precision_kernels;
}

}  // namespace lockstep
