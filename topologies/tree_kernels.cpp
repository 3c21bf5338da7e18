#include "topologies/tree_kernels.hpp"

#include "engine/base/simd.hpp"

namespace lockstep {

#define LOCKSTEP_DECLARE(level)                 \
  namespace level {                             \
  extern const TreeKernels tree_kernels;        \
  extern const TreeKernels tree_kernels_single; \
  }
LOCKSTEP_DECLARE(sse2)
LOCKSTEP_DECLARE(avx2)
LOCKSTEP_DECLARE(avx512)
#undef LOCKSTEP_DECLARE

const TreeKernels& tree_kernels() {
  return select_kernels(sse2::tree_kernels, avx2::tree_kernels, avx512::tree_kernels);
}

const TreeKernels& tree_kernels_single() {
  return select_kernels(sse2::tree_kernels_single, avx2::tree_kernels_single,
                        avx512::tree_kernels_single);
}

}  // namespace lockstep
