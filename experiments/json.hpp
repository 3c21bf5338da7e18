#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/statistics/estimate.hpp"

namespace lockstep::json {

/// Values as JSON texts. A number is the shortest that reads back as the same double, null where it
/// is not finite.
std::string of(std::string_view text);
std::string of(double number);
std::string of(const Estimate& estimate);
std::string of(std::span<const double> numbers);

/// "[a, b]" of values that are JSON; one a line with `lines`.
std::string array(std::span<const std::string> values, bool lines = false);

/// "{"key": value, ...}" of values that are JSON.
std::string object(std::span<const std::pair<std::string, std::string>> members);

}  // namespace lockstep::json
