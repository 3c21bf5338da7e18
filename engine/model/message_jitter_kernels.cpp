#include "engine/model/message_jitter_kernels.hpp"

#include "engine/base/simd.hpp"

namespace lockstep {

namespace sse2 {
extern const MessageJitterKernels message_jitter_kernels;
}
namespace avx2 {
extern const MessageJitterKernels message_jitter_kernels;
}
namespace avx512 {
extern const MessageJitterKernels message_jitter_kernels;
}

const MessageJitterKernels& message_jitter_kernels() {
  return select_kernels(sse2::message_jitter_kernels, avx2::message_jitter_kernels,
                        avx512::message_jitter_kernels);
}

}  // namespace lockstep
