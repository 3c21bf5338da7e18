#include "topologies/tree_kernels.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

[[gnu::always_inline]] inline double later(double a, double b) {
  return a > b ? a : b;
}

template <int lanes, bool noisy>
void up(const TreeChunk& c) {
  for (std::int32_t k = 0; k < c.ranks - 1; ++k) {
    const std::int64_t v = static_cast<std::int64_t>(c.order[k]) * lanes;
    const std::int64_t p = static_cast<std::int64_t>(c.parent[c.order[k]]) * lanes;
#pragma omp simd
    for (int l = 0; l < lanes; ++l) {
      const double sent = later(c.start[v + l] + c.gap[v + l], c.have[v + l]);
      double arrived = later(c.arrival[v + l] + c.gap[v + l], sent + c.latency[v + l]);
      if constexpr (noisy) arrived += c.delay[v + l];
      c.start[v + l] = sent;
      c.arrival[v + l] = arrived;
      c.have[p + l] = later(c.have[p + l], arrived);
    }
  }
}

template <int lanes, bool noisy, bool held>
void down(const TreeChunk& c) {
  for (std::int32_t k = c.ranks - 2; k >= 0; --k) {
    const std::int64_t v = static_cast<std::int64_t>(c.order[k]) * lanes;
    const std::int64_t p = static_cast<std::int64_t>(c.parent[c.order[k]]) * lanes;
#pragma omp simd
    for (int l = 0; l < lanes; ++l) {
      double sent = c.have[p + l];
      if constexpr (held) sent = later(sent, c.send_free[v + l]);
      double arrived = later(c.arrival[v + l] + c.gap[v + l], sent + c.latency[v + l]);
      if constexpr (noisy) arrived += c.delay[v + l];
      c.arrival[v + l] = arrived;
      c.have[v + l] = arrived;
    }
  }
}

template <int lanes>
void up_any(const TreeChunk& c) {
  c.delay ? up<lanes, true>(c) : up<lanes, false>(c);
}

template <int lanes>
void down_any(const TreeChunk& c) {
  if (c.delay)
    c.send_free ? down<lanes, true, true>(c) : down<lanes, true, false>(c);
  else
    c.send_free ? down<lanes, false, true>(c) : down<lanes, false, false>(c);
}

}  // namespace

extern const TreeKernels tree_kernels, tree_kernels_single;
const TreeKernels tree_kernels{up_any<tree_lanes>, down_any<tree_lanes>};
const TreeKernels tree_kernels_single{up_any<1>, down_any<1>};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
