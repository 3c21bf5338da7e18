#include "topologies/ring/ring_chain_kernels.hpp"

#include "engine/base/simd.hpp"

namespace lockstep {

namespace sse2 {
extern const RingChainKernels ring_chain_kernels;
}
namespace avx2 {
extern const RingChainKernels ring_chain_kernels;
}
namespace avx512 {
extern const RingChainKernels ring_chain_kernels;
}

const RingChainKernels& ring_chain_kernels() {
  return select_kernels(sse2::ring_chain_kernels, avx2::ring_chain_kernels,
                        avx512::ring_chain_kernels);
}

}  // namespace lockstep
