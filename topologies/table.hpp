#pragma once

#include <span>
#include <vector>

#include "engine/network/collective.hpp"

namespace lockstep {

/// Every topology, in the order of help. A new one is its file, its row here, its CMake line and
/// its row of expected values in the invariant tests.
std::span<const TopologyKind* const> topology_kinds();

/// topology.kind and the parameters of all kinds (those that kinds share once).
const std::vector<Parameter>& topology_parameters();

}  // namespace lockstep
