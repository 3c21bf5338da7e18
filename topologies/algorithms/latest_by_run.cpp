#include "topologies/algorithms/latest_by_run.hpp"

#include <algorithm>
#include <memory>

namespace lockstep {

void latest_by_run(const CollectiveTrial& trial, const MessageNoise& noise,
                   std::int64_t first_group, std::int64_t last_group, std::int64_t ranks,
                   const double* ready, const double* after, double* latest) {
  const auto finish =
      std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(last_group * ranks));
  trial.run(noise, first_group, last_group, ready, finish.get(), 1);
  for (std::int64_t g = first_group; g < last_group; ++g)
    for (std::int64_t i = g * ranks; i < (g + 1) * ranks; ++i)
      latest[g - first_group] =
          std::max(latest[g - first_group], finish[static_cast<std::size_t>(i)] + after[i]);
}

}  // namespace lockstep
