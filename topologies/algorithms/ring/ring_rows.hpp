#pragma once

#include <cstdint>
#include <span>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/ring/ring_kernels.hpp"
#include "topologies/algorithms/ring/ring_pass.hpp"

namespace lockstep {

/// One ring of the ring recursion (ring.hpp), its positions in memory one after the other.
class RingRows {
 public:
  /// Hops into each position, (ranks) [s], latency with serialization; they must outlive this.
  RingRows(const double* latency, const double* gap, std::int64_t ranks,
           const RingKernels& kernels = ring_kernels());

  /// Takes `state`, (ranks) [s], through `rows` rows of messages with their noise; row k holds the
  /// numbers first_message + k ranks on. `spikes` stands at or after the first and is left after
  /// the last. A large ring is shared by up to how.workers() threads, with the same bits.
  void run(const MessageNoise& noise, SpikeSequence& spikes, std::int64_t group,
           std::int64_t first_message, std::int64_t rows, std::span<double> state,
           const Execution& how = 1) const;

 private:
  RingHopTimes hops_;
  const RingKernels& kernels_;
};

}  // namespace lockstep
