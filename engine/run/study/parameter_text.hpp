#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/run/result.hpp"

namespace lockstep {

/// The value of a parameter at a design point as the schema holds it: the label of an axis that
/// sweeps it, alone or linked with others, else its resolved text; "" where it has none.
std::string parameter_text(const ResultSchema& schema, std::string_view key, std::int64_t point);

}  // namespace lockstep
