#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace lockstep {

/// A call of a chunk, from 1 on, that late messages make longer.
struct LateCall {
  std::int64_t call;
  double delay;  ///< [s]
};

/// Calls of one group, one after another, on chunks whose turns come evenly from the first to the
/// last: the first as it is run, each other one begins when the one before has ended and its chunk
/// is there, and takes `took` and its delay [s].
struct ChunkCalls {
  std::int64_t chunks = 1;
  double took = 0;                      ///< [s]
  std::span<const LateCall> late = {};  ///< in order

  /// When a chip whose first call ends at x has ended the last one: max(x + after_first, later)
  /// [s].
  struct End {
    double after_first, later;
    double of(double first_end) const {
      const double in_line = first_end + after_first;
      return in_line > later ? in_line : later;
    }
  };
  /// Of chunks that are there at ready(chunk), the latest of some lines over their numbers [s].
  /// Cost: O(late calls).
  End end(const std::function<double(std::int64_t)>& ready) const;
  /// Of chunks that are there evenly from first_ready to last_ready [s].
  End end(double first_ready, double last_ready) const;
  /// By how much later a chip ends the last call at most for the late ones, with another `in_first`
  /// in its first call, whose last chunk is there `room` or more after the first: calls that wait
  /// for their chunks make up for delays [s]. Cost: O(late calls).
  double most_delay(double room, double in_first) const;

  /// A chunk that arrives so long after the first one [s], and its turn [microbatches].
  struct Arrival {
    double after_first, turn;
  };
  /// Of chunks that are all there at once, with turns evenly from first_turn to last_turn
  /// [microbatches], those among which is the one that is latest against its turn, however long a
  /// microbatch takes.
  std::vector<Arrival> arrivals(double first_turn, double last_turn) const;
};

}  // namespace lockstep
