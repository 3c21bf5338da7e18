#pragma once

#include <string>
#include <vector>

#include "engine/storage/result_reader.hpp"

namespace lockstep {

/// A line for each law of the study, and for each design point's trials of `variable`, whose
/// variance is not finite, so that means and their intervals may be far off.
std::vector<std::string> variance_warnings(const ResultFile& file, const Variable& variable);

}  // namespace lockstep
