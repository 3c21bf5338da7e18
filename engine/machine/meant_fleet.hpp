#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// What someone who wrote `text` can mean by it, as fleet.chips takes it: "8x H100 + 16 H200" is
/// "H100:8, H200:16", "H100:16,384" is "H100:16384". Two where a number can be read in two ways,
/// none where it is not clear. Generations are those of the catalogue and those that `values` have.
std::vector<std::string> meant_fleets(std::string_view text, const Values& values);

}  // namespace lockstep
