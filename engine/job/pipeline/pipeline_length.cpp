#include "engine/job/pipeline/pipeline_length.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

double even_length(const PipelineShape& shape) {
  const auto p = static_cast<double>(shape.stages), m = static_cast<double>(shape.microbatches);
  if (shape.stages == 1) return m;
  switch (shape.kind) {
    case Schedule::zero_bubble:
      return m + (p - 1) / 3 + std::max(p - m, 0.0) / 3;
    case Schedule::dual: {
      const double even = 2 * std::ceil(m / 2);
      if (even >= 2 * p) return even + (p - 2) / 3;
      return even + ((even > p ? 3 * p - 2 : 2.5 * p - 3) - even) / 3;
    }
    default:
      return std::max(m, p) + (std::min(m, p) - 1) / static_cast<double>(shape.virtual_stages);
  }
}

double still_bound(const PipelineShape& shape, double sum, double slowest) {
  const auto m = static_cast<double>(shape.microbatches);
  const auto v = static_cast<double>(shape.virtual_stages);
  if (shape.stages == 1) return slowest;
  // m slowest + (sum - slowest) / V, and nothing is faster than one microbatch's way.
  if (shape.kind == Schedule::interleaved)
    return (m * slowest + sum - slowest) / (v * m) + (1 - 1 / v) * std::max(sum / m, slowest);
  if (shape.kind == Schedule::zero_bubble && shape.microbatches >= shape.stages)
    return slowest + (sum - slowest) / (3 * m);
  return even_length(shape) * slowest / m;
}

}  // namespace lockstep
