#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/run/study/study.hpp"

namespace lockstep {

/// What the user set without effect: since what it needs (Parameter::needs, a topology.kind that
/// knows it) is missing at every design point, nothing is computed from it yet, it is of a
/// generation that is none of `generations` (all that are simulated), or a factor never above 1.
/// A sentence for each reason.
std::vector<std::string> idle_settings(const Study& study,
                                       const std::set<std::string>& generations);

}  // namespace lockstep
