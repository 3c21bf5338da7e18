#pragma once

#include <vector>

#include "engine/base/simd.hpp"
#include "engine/noise/message_jitter_kernels.hpp"
#include "topologies/algorithms/ring/ring_kernels.hpp"

namespace lockstep {

namespace sse2 {
extern const MessageJitterKernels message_jitter_kernels;
extern const RingKernels ring_kernels;
}  // namespace sse2
namespace avx2 {
extern const MessageJitterKernels message_jitter_kernels;
extern const RingKernels ring_kernels;
}  // namespace avx2
namespace avx512 {
extern const MessageJitterKernels message_jitter_kernels;
extern const RingKernels ring_kernels;
}  // namespace avx512

/// The kernels of one instruction set.
struct JitterLevel {
  const char* name;
  const MessageJitterKernels* jitter;
  const RingKernels* ring;
};

/// Those up to the level in use, which is the best of this processor.
inline std::vector<JitterLevel> jitter_levels() {
  std::vector<JitterLevel> levels{{"sse2", &sse2::message_jitter_kernels, &sse2::ring_kernels}};
  if (simd_level() >= SimdLevel::avx2)
    levels.push_back({"avx2", &avx2::message_jitter_kernels, &avx2::ring_kernels});
  if (simd_level() >= SimdLevel::avx512)
    levels.push_back({"avx512", &avx512::message_jitter_kernels, &avx512::ring_kernels});
  return levels;
}

}  // namespace lockstep
