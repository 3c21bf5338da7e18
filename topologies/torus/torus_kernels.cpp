#include "topologies/torus/torus_kernels.hpp"

#include "engine/base/simd.hpp"

namespace lockstep {

namespace sse2 {
extern const TorusKernels torus_kernels;
}
namespace avx2 {
extern const TorusKernels torus_kernels;
}
namespace avx512 {
extern const TorusKernels torus_kernels;
}

const TorusKernels& torus_kernels() {
  return select_kernels(sse2::torus_kernels, avx2::torus_kernels, avx512::torus_kernels);
}

}  // namespace lockstep
