#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "topologies/algorithms/ring/latest/ring_starts.hpp"
#include "topologies/algorithms/ring/ring_sweep.hpp"

namespace lockstep {

/// What jitter does to chains through late messages, beyond hops and gaps that are longer by what
/// it adds to the heaviest chain of all. Times in s.
struct RingDetours {
  struct Tilt {
    double shift;  ///< of every hop's latency
    double pace;   ///< by how much a row is slower for it
  };
  /// By how much a row of hops, and one of waits, is below the pace without jitter.
  double hop_slack = 0, wait_slack = 0;
  std::vector<Tilt> tilts;
  /// What half the rows of a chain lose by ending in a given message rather than in the best.
  double pinned = 0;

  /// Gain of a chain of some rows between given messages. Jitter's heaviest chain has hops and
  /// waits in a proportion of its own, so that chains near it pay less than one that is all hops:
  /// the Legendre transform of the pace under shifted latencies. Against it, the chain is pinned.
  double gain(double hops, double waits, double all_rows) const {
    double least = 0;
    for (const Tilt& t : tilts) least = std::min(least, (hops + waits) * t.pace - hops * t.shift);
    return hops * hop_slack + waits * wait_slack + least - loss(hops + waits, all_rows);
  }
  /// Loss of a chain of some rows of all that is pinned at one end; fluctuations grow as the cube
  /// root of the length (Johansson, 2000).
  double loss(double rows, double all_rows) const;
};

/// One lap of a ring (ring.hpp), n - 1 rows, or two where few messages are late, without a visit to
/// all n (n - 1) of them in each; or a row less, where a lap's first row is done apart.
///
/// A chain pays the latency of every hop on its way, and all its waits at the largest gap it
/// passes. So without delays the last chain into each rank comes, for each gap m, from the best of
/// the starts that pass a gap of m: a running maximum around the ring, O(n) for each distinct gap.
/// In two laps, gaps up to the mean latency need not be looked at but for the largest: one more lap
/// is longer than such waits. Delays, in order of rows, are starts of their own: what each adds to
/// later ones and to the finish follows from the records of the gap beyond it, at the largest gap
/// by running maxima for all. Many delays or distinct gaps are left to RingSweep. Exact but for
/// rounding. Cost: 7 ns a rank, 12 with events, and some us an event, up to 500.
class RingChains {
 public:
  /// Hops into each position, (ranks >= 1) [s], latency with serialization; they must outlive this.
  /// rows: those of one lap or two, or one less.
  RingChains(const double* latency, const double* gap, std::int64_t ranks, std::int64_t rows);

  /// Memory for one ring after another.
  struct Scratch {
    std::vector<RingEvent> events;
    std::vector<double> ready, start, late;
    std::vector<double> rise_after, rise_before;  ///< of the steepest chains
    RingStarts starts;
    RingSweep::Scratch sweep;
  };

  /// Takes `state`, (ranks) [s], through the rows; `events` by row.
  /// `detours` where hops were lengthened for jitter; these count for a hundred events at most.
  void run(std::span<const RingEvent> events, std::span<double> state, Scratch& scratch,
           const RingDetours& detours = {}) const;
  /// Estimated cost of a run in units of 0.1 ns on one core.
  static double cost(std::int64_t ranks, int laps, double spike_probability);

 private:
  void go_round_the_largest(const double* ready, std::span<double> state) const;
  void add_chains(std::span<const RingEvent> events, const RingDetours& detours,
                  std::span<double> state, Scratch& scratch) const;

  const double* latency_;
  const double* gap_;
  std::int64_t ranks_, rows_;
  std::vector<double> path_;   // (ranks) latencies from position 0 to each [s]
  double lap_ = 0;             // all latencies [s]
  std::vector<double> waits_;  // the distinct gaps to be looked at, the largest first
};

}  // namespace lockstep
