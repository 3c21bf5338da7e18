#include "topologies/torus_kernels.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

/// `count` ranks from `to` on, whose messages come from the ranks from `from` on.
[[gnu::always_inline]] inline void advance_run(const TorusRow& row, std::int64_t to,
                                               std::int64_t from, std::int64_t count) {
  const double* __restrict own = row.own + to;
  const double* __restrict source = row.state + from;
  const double* __restrict unit = row.seconds_per_byte + to;
  double* __restrict next = row.next + to;
  const double bytes = row.bytes, latency = row.latency;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const double gap = unit[i] * bytes;
    const double held = own[i] + gap;
    const double passed = source[i] + (latency + gap);
    next[i] = held > passed ? held : passed;
  }
}

void advance(const TorusRow& row) {
  const std::int64_t line = row.length * row.inner;
  for (std::int64_t o = 0; o < row.outer; ++o) {
    const std::int64_t begin = o * line, last = begin + line - row.inner;
    if (row.forward) {
      advance_run(row, begin, last, row.inner);
      advance_run(row, begin + row.inner, begin, line - row.inner);
    } else {
      advance_run(row, begin, begin + row.inner, line - row.inner);
      advance_run(row, last, begin, row.inner);
    }
  }
}

}  // namespace

extern const TorusKernels torus_kernels;
const TorusKernels torus_kernels{advance};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
