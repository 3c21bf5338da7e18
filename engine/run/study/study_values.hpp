#pragma once

#include <string>
#include <string_view>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// `text` without the double quotes that enclose all of it.
std::string_view without_quotes(std::string_view text);

/// `text` without the brackets that other languages put around a list.
std::string_view without_brackets(std::string_view text);

/// `text` as `split_values` takes it for one value: in quotes where a comma would end it.
std::string listed(const std::string& text);

/// Reads one value under its row as `parse_value` does, with the study's own rules on top: quotes
/// around the whole are dropped, sampling.seed is exact to 64 bits (its Value holds the digits as
/// text), sampling.until is none or a stopping rule, a text that names a CSV file holds the path
/// resolved against `directory` and has the SHA-256 of the content as its canonical text. Throws
/// InputError; the message says what is allowed.
Value read_value(const Parameter& row, std::string_view text, const std::string& directory);

/// "key = value" for a message; a long value is cut.
std::string shown(std::string_view key, std::string_view value);

}  // namespace lockstep
