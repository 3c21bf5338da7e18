#include "engine/power/meter/step_windows.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

StepWindows::StepWindows(const Layout& layout) {
  const auto windows = static_cast<std::size_t>(layout.pipeline * layout.replicas);
  for (auto* array : {&begin, &length, &per_length}) array->resize(windows);
  last.resize(static_cast<std::size_t>(layout.pipeline));
}

void StepWindows::find(const ChunkTurns& turns, const StepView& step) {
  const std::size_t replicas = step.compute_begin.size();
  for (std::size_t s = 0; s < last.size(); ++s) {
    last[s] = -HUGE_VAL;
    for (std::size_t r = 0; r < replicas; ++r) {
      const double from = step.compute_begin[r] + turns.first_used[s] * step.microbatch[r];
      const double end = step.compute_end[r] - turns.last_done[s] * step.microbatch[r];
      begin[s * replicas + r] = from;
      length[s * replicas + r] = end - from;
      per_length[s * replicas + r] = end > from ? 1 / (end - from) : 0;
      last[s] = std::max(last[s], end);
    }
  }
}

}  // namespace lockstep
