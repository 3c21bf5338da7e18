#include "engine/reliability/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lockstep {

double optimal_checkpoint_interval(double write_time, double between) {
  if (std::isinf(between)) return between;
  if (write_time >= 2 * between) return between;
  const double ratio = write_time / (2 * between);
  const double young = std::sqrt(2 * write_time * between);
  return young * (1 + std::sqrt(ratio) / 3 + ratio / 9) - write_time;
}

double steps_between_checkpoints(const Reliability& reliability, double rate, double step_time) {
  const double between = rate > 0 ? 1 / rate : std::numeric_limits<double>::infinity();
  const double interval = reliability.checkpoint.time.value_or(
      optimal_checkpoint_interval(reliability.checkpoint_write_time, between));
  const double steps = reliability.checkpoint.steps.value_or(interval / step_time);
  return std::clamp(std::round(steps), 1.0, std::floor(reliability.horizon / step_time) + 1);
}

}  // namespace lockstep
