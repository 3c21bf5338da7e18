#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "topologies/algorithms/ring/rising_pieces.hpp"

namespace lockstep {

/// A message of a ring that is late.
struct RingEvent {
  std::int32_t row;       ///< 0 .. rows - 1
  std::int32_t position;  ///< of the receiver on the ring
  double delay;           ///< [s]
};

/// Late messages by position, and in each by row.
class RingEventSort {
 public:
  /// `events` by rows. What it returns holds until the next call. Cost: 1 ns a rank and 5 ns an
  /// event.
  std::span<const RingEvent> by_position(std::span<const RingEvent> events, std::int32_t ranks);
  /// The first and the last of a position, in what was returned.
  std::int32_t begin(std::size_t position) const { return begins_[position]; }
  std::int32_t end(std::size_t position) const { return begins_[position + 1]; }

 private:
  std::vector<std::int32_t> begins_;
  std::vector<RingEvent> events_;
};

/// The ring recursion of ring.hpp where few messages are late: the heaviest chain of ready time,
/// hops and delays up to each rank's last message, without a visit to all of them.
///
/// On the ring rolled out, let a be the position and b = row - a: a hop to the next rank leads to
/// column a + 1 and keeps b, waiting for the port keeps a and leads to b + 1. V_a(b), the heaviest
/// chain to (a, b), is piecewise linear in b. The next column adds its latency everywhere, gets a
/// start at its low end and raises V to where no slope is below its gap; a delay lifts one place
/// and what the gap carries on from there. A piece overtaken never comes back and steepens only at
/// gaps that are a record since its birth, 2 or 3 on real rings, so that the work is amortized:
/// about 10 ns a column, of which there are 3 n, and 100 ns an event. Exact but for rounding.
/// Heaviest chains: Johansson, Shape fluctuations and random matrices (Commun. Math. Phys. 209,
/// 2000).
class RingSweep {
 public:
  /// Hops into each position, (ranks) [s], latency with serialization; they must outlive this.
  RingSweep(const double* latency, const double* gap, std::int64_t ranks)
      : latency_(latency), gap_(gap), ranks_(static_cast<std::int32_t>(ranks)) {}

  /// Memory of a sweep, about 32 B x (ranks + rows), for one after another.
  struct Scratch {
    RisingPieces chains;
    RingEventSort sort;
  };

  /// Takes `state`, (ranks) [s], through `rows` rows, below 2^30. `events` by rows.
  void run(std::int64_t rows, std::span<const RingEvent> events, std::span<double> state,
           Scratch& scratch) const;

 private:
  const double* latency_;
  const double* gap_;
  std::int32_t ranks_;
};

}  // namespace lockstep
