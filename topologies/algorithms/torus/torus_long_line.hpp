#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "topologies/algorithms/ring/ring_chains.hpp"
#include "topologies/algorithms/torus/torus_kernels.hpp"

namespace lockstep {

/// A line whose hops cost differently.
struct UnequalLine {
  std::int64_t line;
  const double* rate;  ///< (length) of the hop forward into each place [s/B]

  /// The hop into a place costs, backward, what the hop forward into the next does.
  double into(std::int64_t place, const TorusPhase& phase) const {
    if (phase.forward) return rate[place];
    return rate[place + 1 < phase.length ? place + 1 : 0];
  }
};

/// A spike on a message of a phase.
struct LineSpike {
  std::int64_t row, line, place;
  double delay;  ///< [s]
};

/// A ring's phase on one line, whose hops may be unequal and messages late, as the ring that it is:
/// the first row by itself, for ports have a word there, the others by RingChains.
class TorusLongLine {
 public:
  /// Lines this long are cheaper by chains than row by row, several side by side: 0.2 ns for each
  /// of their messages.
  static constexpr std::int64_t least = 64;

  /// `out`: (length) by place, when each rank has got the last message [s]; spikes of the line, by
  /// row. `line.rate` null: equal hops.
  void run(const TorusPhase& phase, const UnequalLine& line, std::span<const LineSpike> spikes,
           double* out);
  /// Against time, as TorusPhaseRunner::run_back: how far from the end what each rank passes on
  /// first is, and what its port lets in, (length) by place [s], from `after`, a phase's array.
  void run_back(const TorusPhase& phase, const UnequalLine& line, const double* after, double* part,
                double* port);

 private:
  void load(const TorusPhase& phase, const UnequalLine& line, bool forward);

  // In the order of travel.
  std::vector<double> latency_, gap_, state_;  ///< hops with serialization [s]
  std::vector<RingEvent> events_;
  RingChains::Scratch scratch_;
};

}  // namespace lockstep
