#pragma once

#include <memory>

#include "topologies/algorithms/tree/tree_plan.hpp"

namespace lockstep {

/// The double tree on one trial's links; `plan` must outlive it.
std::unique_ptr<CollectiveTrial> make_tree_trial(const TreePlan& plan, const LinkState& links);

}  // namespace lockstep
