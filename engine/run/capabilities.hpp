#pragma once

#include <span>
#include <vector>

#include "engine/training/capability/capability.hpp"

namespace lockstep {

/// What can be asked of a trial beyond its training, in the order of the file's variables.
std::span<const Capability* const> capabilities();

/// All parameters of the engine: sampling, fleet, job, fabric, noise, those of the capabilities,
/// chips.
std::vector<Parameter> engine_parameters(std::span<const Capability* const> capabilities);

}  // namespace lockstep
