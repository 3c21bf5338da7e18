#pragma once

#include <cstdint>

namespace lockstep {

/// What a tensor-parallel group of `chips` pays for waiting on its slowest chip at every
/// synchronization.
struct SynchronizationCost {
  double mean_excess = 0;  ///< E[max of the chips' operation factors] - 1
  double residual = 0;     ///< sd of the step's average of (max - mean), from its synchronizations
};

/// Operation factors are independent lognormals of mean 1 and `sigma`. The expected maximum is
/// integrated over the quantile function; the residual uses that for normals max - mean is
/// independent of the mean (Basu), so that given the chips' own step factors only
/// Var(max) - 1 / chips is left, over `synchronizations`. Cost: 4,000 evaluations.
SynchronizationCost synchronization_cost(std::int64_t chips, double sigma, double synchronizations);

}  // namespace lockstep
