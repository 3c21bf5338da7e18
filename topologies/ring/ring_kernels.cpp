#include "topologies/ring/ring_kernels.hpp"

#include "engine/base/simd.hpp"

namespace lockstep {

namespace sse2 {
extern const RingKernels ring_kernels;
}
namespace avx2 {
extern const RingKernels ring_kernels;
}
namespace avx512 {
extern const RingKernels ring_kernels;
}

const RingKernels& ring_kernels() {
  return select_kernels(sse2::ring_kernels, avx2::ring_kernels, avx512::ring_kernels);
}

}  // namespace lockstep
