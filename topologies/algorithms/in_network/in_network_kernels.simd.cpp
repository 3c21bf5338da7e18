#include "topologies/algorithms/in_network/in_network_kernels.hpp"

namespace lockstep::LOCKSTEP_SIMD_LEVEL {
namespace {

// Plain loops, which compilers turn into vectors: max(a, b) is a > b ? a : b on every level.
[[gnu::always_inline]] inline double later(double a, double b) {
  return a > b ? a : b;
}

void advance(std::int64_t count, double steps, const double* __restrict gap,
             const double* __restrict latency, const double* __restrict have,
             double* __restrict arrival) {
  for (std::int64_t i = 0; i < count; ++i)
    arrival[i] = later(arrival[i] + steps * gap[i], have[i] + latency[i]);
}

void rank(std::int64_t count, const double* __restrict start, double* __restrict latest,
          double* __restrict second) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double lower = start[i] > latest[i] ? latest[i] : start[i];
    latest[i] = later(latest[i], start[i]);
    second[i] = later(second[i], lower);
  }
}

void receive(std::int64_t count, double steps, const double* __restrict gap,
             const double* __restrict latency, const double* __restrict start,
             const double* __restrict latest, const double* __restrict second,
             double* __restrict port) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double others = start[i] == latest[i] ? second[i] : latest[i];
    port[i] = later(port[i] + steps * gap[i], others + latency[i]);
  }
}

}  // namespace

const InNetworkKernels in_network_kernels{advance, rank, receive};

}  // namespace lockstep::LOCKSTEP_SIMD_LEVEL
