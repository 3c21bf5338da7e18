#pragma once

#include <cstdint>

namespace lockstep {

/// What a tensor-parallel group of `chips` pays for waiting on its slowest chip at every
/// synchronization.
struct SynchronizationCost {
  double mean_excess = 0;  ///< E[max of the chips' operation factors] - 1
  double residual = 0;     ///< sd of the step's average of (max - mean), from its synchronizations
};

/// Operation factors are independent lognormals of mean 1 and `sigma`. Moments of the largest are
/// integrated over its density. The residual is what the chips' own step factors leave: for normals
/// max - mean is independent of the mean (Basu), so that the variance of the step is that of the
/// mean, which the step factors carry, and Var(max) - Var(one) / chips, over `synchronizations`.
/// Cost: 4,000 evaluations.
SynchronizationCost synchronization_cost(std::int64_t chips, double sigma, double synchronizations);

}  // namespace lockstep
