#pragma once

#include <string>
#include <vector>

#include "engine/run/study.hpp"

namespace lockstep {

/// What the user set without effect, since what it needs (Parameter::needs, a topology.kind that
/// knows it) is missing at every design point: a sentence for each thing missing.
std::vector<std::string> idle_settings(const Study& study);

}  // namespace lockstep
