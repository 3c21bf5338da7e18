#include "topologies/algorithms/noise_free_time.hpp"

#include <algorithm>
#include <vector>

namespace lockstep {

double noise_free_time(const CollectiveTrial& trial, std::int64_t groups, std::int64_t ranks) {
  const std::vector<double> ready(static_cast<std::size_t>(groups * ranks), 0.0);
  std::vector<double> finish(ready.size());
  trial.run(MessageNoise{}, 0, groups, ready.data(), finish.data(), 1);
  return *std::ranges::max_element(finish);
}

}  // namespace lockstep
