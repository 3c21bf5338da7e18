#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/run/result.hpp"

namespace lockstep {

/// The value of a parameter at a design point as the schema holds it: the label of an axis that
/// sweeps it, alone or linked with others, else its resolved text; "" where it has none.
std::string parameter_text(const ResultSchema& schema, std::string_view key, std::int64_t point);

/// reliability.horizon at a design point [s], the mean of its law where it is uncertain; NaN where
/// there is none.
double horizon_at(const ResultSchema& schema, std::int64_t point);

}  // namespace lockstep
