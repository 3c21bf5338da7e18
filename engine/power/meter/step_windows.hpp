#pragma once

#include <vector>

#include "engine/training/capability/step_observer.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// When the stages of each replica compute in a step, between the bubbles of fill and drain
/// (ChunkTurns); in what StepView counts in.
struct StepWindows {
  explicit StepWindows(const Layout& layout);
  void find(const ChunkTurns& turns, const StepView& step);

  /// (pipeline, replicas) [s]; per_length in 1/s, 0 where there is no window.
  std::vector<double> begin, length, per_length;
  std::vector<double> last;  ///< (pipeline) when the last replica's window ends
};

}  // namespace lockstep
