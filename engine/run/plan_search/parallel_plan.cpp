#include "engine/run/plan_search/parallel_plan.hpp"

#include <algorithm>

namespace lockstep {

void set_plan(Values& values, const ParallelPlan& plan, std::span<const Parameter> rows,
              std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) {
    const auto row = std::find_if(rows.begin(), rows.end(),
                                  [&](const Parameter& r) { return r.key == plan_keys[k]; });
    values.set(std::string(plan_keys[k]), parse_value(*row, plan[k], ""));
  }
}

}  // namespace lockstep
