#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/text/quantity.hpp"

namespace lockstep {

/// What someone who wrote `text`, which is no quantity of the sort due, can mean by it: "5usec" is
/// 5us, "8,000,000,000" is 8e9, "400Gbps" is 400Gbit/s. Each answer is a text that parse_quantity
/// reads, >= 0. Two where writers differ ("16k": 16000 or 16384), none where it is not clear.
std::vector<std::string> meant_quantities(std::string_view text, Dimension due);

}  // namespace lockstep
