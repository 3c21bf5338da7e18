#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "topologies/algorithms/ring/latest/ring_starts.hpp"
#include "topologies/algorithms/ring/ring_chains.hpp"

namespace lockstep {

/// The latest end of one ring (ring.hpp) of which few messages are late, from these alone.
///
/// The longest chain through late messages begins with one to the first of them, RingStarts, and
/// ends with one from the last, which is the same on the ring the other way round. In between it is
/// RingSweep with starts and ends left out: columns without a late message only steepen its pieces,
/// where some are not as steep as any.
class RingLatest {
 public:
  /// Hops into each position, (ranks >= 1) [s], latency with serialization; they must outlive this.
  /// `after`: what comes after each position's finish, (ranks) [s].
  RingLatest(const double* latency, const double* gap, std::int64_t rows,
             std::span<const double> after);
  RingLatest(RingLatest&&) = default;

  /// Memory for one ring after another.
  struct Scratch {
    RingEventSort sort;
    RingStarts starts;
    RisingPieces chains;
    std::vector<RingEvent> events;      ///< for callers, as `ready`
    std::vector<double> ready, finish;  ///< [s]
    RingChains::Scratch all;
  };

  /// max of finish + after over chains through some of the `events`, by row, at least one [s].
  /// ready: (ranks) [s]. Cost: 1 ns a rank and 0.2 us an event; where places of the largest gap are
  /// far apart and events many, a run of RingChains.
  double run(std::span<const RingEvent> events, std::span<const double> ready,
             Scratch& scratch) const;

 private:
  double through(std::span<const RingEvent> events, std::span<const double> ready,
                 Scratch& scratch) const;
  double run_all(std::span<const RingEvent> events, std::span<const double> ready,
                 Scratch& scratch) const;
  std::int32_t place_of(const RingEvent& event, std::int64_t lap) const;
  void steepen(std::int64_t from, std::int64_t to, RisingPieces& chains) const;

  const double* latency_;
  const double* gap_;
  std::int64_t ranks_, rows_;
  std::int64_t stretch_ = 0;  // the most places from one of the largest gap to the next
  std::vector<double> path_, back_path_, back_gap_, back_after_;
  RingWay way_{};
  RingStarts back_;
};

}  // namespace lockstep
