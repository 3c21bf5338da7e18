#pragma once

#include <optional>
#include <vector>

#include "topologies/algorithms/ring/latest/ring_latest.hpp"
#include "topologies/algorithms/ring/ring_chains.hpp"
#include "topologies/algorithms/ring/ring_method.hpp"
#include "topologies/algorithms/ring/ring_rows.hpp"

namespace lockstep {

/// One ring of a ring collective on the links of one trial, by the method of its design point.
class RingLaps {
 public:
  /// `ring` in the method's list. Hops into each position, (ranks) [s], latency with serialization;
  /// they must outlive this.
  RingLaps(const RingMethod& method, std::size_t ring, const double* latency, const double* gap,
           std::int64_t ranks);

  using Scratch = RingChains::Scratch;

  /// Takes `state`, (ranks) [s], through its laps of ranks - 1 rows; row k holds the messages
  /// numbered first_message + k ranks on. `spikes` stands at or after the first and is left after
  /// the last. Draws: jitter's, or one where a fast ring has jitter. Without any noise both methods
  /// are the closed form.
  void run(const MessageNoise& noise, SpikeSequence& spikes, std::int64_t group,
           std::int64_t first_message, std::span<double> state, Scratch& scratch,
           const Execution& how) const;

  /// CollectiveTrial::run_back of one ring: `state`, (ranks) [s], goes against the laps.
  void run_back(std::span<double> state, Scratch& scratch) const;

  /// LatestFinish of one ring, from `after`, (ranks) [s].
  RingLatest latest(std::span<const double> after) const;
  /// To `events` the late messages of run(). Returns the number of all its messages.
  std::int64_t take_events(SpikeSequence& spikes, std::int64_t first_message,
                           std::vector<RingEvent>& events) const;

  /// Estimated cost of a run in units of 0.1 ns on one core.
  static double cost(const RingMethod& method, std::int64_t ranks, const Noise& noise);

 private:
  std::int64_t rows() const { return laps_ * (ranks_ - 1); }

  const double* latency_;
  const double* gap_;
  std::int64_t ranks_;
  int laps_;
  std::optional<RingPace> pace_;
  std::vector<double> longer_latency_, longer_gap_;  // where a fast ring has jitter
  std::optional<RingChains> chains_;
  std::optional<RingRows> rows_;
};

}  // namespace lockstep
