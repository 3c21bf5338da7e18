#include "topologies/tree/tree_kernels.hpp"

#include "engine/base/simd.hpp"

namespace lockstep {

namespace sse2 {
extern const TreeKernels tree_kernels;
}
namespace avx2 {
extern const TreeKernels tree_kernels;
}
namespace avx512 {
extern const TreeKernels tree_kernels;
}

const TreeKernels& tree_kernels() {
  return select_kernels(sse2::tree_kernels, avx2::tree_kernels, avx512::tree_kernels);
}

}  // namespace lockstep
