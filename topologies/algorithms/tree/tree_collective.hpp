#pragma once

#include <memory>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/tree/tree_style.hpp"

namespace lockstep {

/// The all-reduce of tree.hpp, or over switches that reduce in every scale-up domain, which a
/// uniform fabric does not have.
std::unique_ptr<Collective> make_tree_collective(const CollectiveRequest& request, TreeStyle style);

}  // namespace lockstep
