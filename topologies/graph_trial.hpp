#pragma once

#include "engine/model/collective.hpp"

namespace lockstep {

/// Evaluates the collective's own message graph: enough to run a kind that has no kernels yet, and
/// what kernels are held against. Memory and time grow with the number of messages, some 100 B and
/// 20 ns each. `collective` must outlive the trial.
std::unique_ptr<CollectiveTrial> make_graph_trial(const Collective& collective,
                                                  std::span<const double> link_factor);

}  // namespace lockstep
