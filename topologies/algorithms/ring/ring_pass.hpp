#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/ring/ring_kernels.hpp"

namespace lockstep {

/// Hops into each rank of one ring, (ranks) [s], latency with serialization.
struct RingHopTimes {
  const double* latency;
  const double* gap;
  std::int64_t ranks;
  bool uniform;  ///< every hop costs the same
};

/// A spike in row `row` of a pass.
struct RingSpike {
  std::int64_t rank;
  int row;
  double delay;  ///< [s]
};

/// `rows` rows of messages, 1 .. ring_depth and at most one a rank, taken in one pass over the
/// ring.
struct RingPass {
  std::int64_t first_message;  ///< number of rank 0's in the first row
  int rows;
  std::span<const RingSpike> spikes;  ///< by rank, then row
};

/// Takes ranks through passes with their noise, from left to right. Dense delays are drawn for a
/// window of ranks at a time, so that they stay in the nearest caches; a rank hit by a spike is
/// taken alone, between two runs of the kernel.
class RingPasser {
 public:
  RingPasser(const RingKernels& kernels, const RingHopTimes& hops, const MessageNoise& noise,
             std::int64_t group);

  /// Begins a pass at the ranks first .. first + pass.rows - 1, whose states before it are `state`
  /// and lost: they are worked out as far as the next rank needs, rank j through j rows.
  ///
  ///   row 0   x x x x | what the rank after them meets in each row: the last column
  ///   row 1     x x x |
  ///   row 2       x x |
  ///   row 3         x |
  void begin(const RingPass& pass, std::int64_t first, std::span<double> state);

  /// Takes the ranks first, first + 1, ... that follow through the pass.
  void advance(std::int64_t first, std::span<double> state);

 private:
  const RingSpike* spikes_end() const { return pass_.spikes.data() + pass_.spikes.size(); }
  void find_spike(std::int64_t rank);
  void load_jitter(std::int64_t rank, std::int64_t end);
  double step(std::int64_t rank, double now, int rows);

  const RingKernels& kernels_;
  const RingHopTimes& hops_;
  const MessageNoise& noise_;
  std::int64_t group_;
  RingPass pass_{};
  const RingSpike* spike_ = nullptr;  // the next
  double left_[ring_depth];           // the rank before, as each row finds it
  std::vector<float> jitter_;         // (rows, window)
  std::int64_t window_begin_ = 0, window_end_ = 0, stride_ = 0;
};

}  // namespace lockstep
