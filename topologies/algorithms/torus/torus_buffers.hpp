#pragma once

#include <cstddef>
#include <vector>

#include "topologies/algorithms/torus/torus_schedule.hpp"

namespace lockstep {

/// Where a schedule keeps the times of its parts: which step reads and writes which array, so that
/// few are needed. Arrays are numbered; `of_ready` stands for the ranks' ready times.
class TorusBuffers {
 public:
  static constexpr int of_ready = -1, none = -2;

  /// A step one way, or on a line the later of both ways.
  struct Move {
    std::size_t step;
    bool forward;
    bool joins;  ///< out = the later of part and port; nothing moves
    int part;    ///< when each rank holds the part
    int port;    ///< when the part before on the link had come in; none: nobody was there
    int out;     ///< may be `part`
  };
  /// Moves that need nothing from those of other strands, and where its parts end.
  struct Strand {
    std::vector<Move> moves;
    std::vector<int> ends;
  };

  explicit TorusBuffers(const TorusSchedule& schedule);

  const std::vector<Strand>& strands() const { return strands_; }
  int arrays() const { return arrays_; }

 private:
  std::vector<Strand> strands_;
  int arrays_ = 0;
};

}  // namespace lockstep
