#include "engine/model/step_kernels.hpp"

#include "engine/base/simd.hpp"

namespace lockstep {

namespace sse2 {
extern const StepKernels step_kernels;
}
namespace avx2 {
extern const StepKernels step_kernels;
}
namespace avx512 {
extern const StepKernels step_kernels;
}

const StepKernels& step_kernels() {
  return select_kernels(sse2::step_kernels, avx2::step_kernels, avx512::step_kernels);
}

}  // namespace lockstep
