#include "topologies/ring_kernels.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

double* advance(double* state, double* spare, const double* latency, const double* gap,
                std::int64_t ranks, std::int64_t rows) {
  for (std::int64_t row = 0; row < rows; ++row) {
    state[-1] = state[ranks - 1];
    const double* __restrict now = state;
    double* __restrict next = spare;
#pragma omp simd
    for (std::int64_t i = 0; i < ranks; ++i) {
      const double held = now[i] + gap[i];
      const double passed = now[i - 1] + latency[i];
      next[i] = held > passed ? held : passed;
    }
    double* swap = state;
    state = spare;
    spare = swap;
  }
  return state;
}

double* advance_uniform(double* state, double* spare, double latency, double gap,
                        std::int64_t ranks, std::int64_t rows) {
  for (std::int64_t row = 0; row < rows; ++row) {
    state[-1] = state[ranks - 1];
    const double* __restrict now = state;
    double* __restrict next = spare;
#pragma omp simd
    for (std::int64_t i = 0; i < ranks; ++i) {
      const double held = now[i] + gap;
      const double passed = now[i - 1] + latency;
      next[i] = held > passed ? held : passed;
    }
    double* swap = state;
    state = spare;
    spare = swap;
  }
  return state;
}

}  // namespace

extern const RingKernels ring_kernels;
const RingKernels ring_kernels{advance, advance_uniform};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
