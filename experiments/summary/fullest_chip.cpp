#include "experiments/summary/fullest_chip.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

MemoryUse memory_of(const DesignPoint& job) {
  const std::vector<double>& microbatches = job.work().microbatches;
  return most_memory(job.scenario().job, job.layout().replicas,
                     *std::max_element(microbatches.begin(), microbatches.end()));
}

double least_memory(const DesignPoint& job) {
  double least = HUGE_VAL;
  const auto& generations = job.scenario().fleet.generations;
  for (std::size_t g = 0; g < generations.size(); ++g)
    if (job.chips_by_generation()[g] > 0) least = std::min(least, generations[g].chip.hbm);
  return least;
}

}  // namespace lockstep
