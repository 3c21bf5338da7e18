#pragma once

#include <string_view>
#include <vector>

#include "engine/base/field.hpp"
#include "engine/serving/serving.hpp"

namespace lockstep {

/// The rows of what requests come.
std::vector<Field<Serving>> request_fields();

/// Names of the routers, in the order of their table.
std::vector<std::string_view> router_words();

}  // namespace lockstep
