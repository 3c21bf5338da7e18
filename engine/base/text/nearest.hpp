#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lockstep {

/// The known name that others call `name` ("true" is on, "gaussian" normal), else the closest by
/// edit distance (Damerau-Levenshtein, optimal string alignment; a letter in the wrong case, or O
/// for 0, l or I for 1, is half an edit), or "" when none is near enough to be what was meant: at
/// most one edit in three letters, or one. Ties: the earlier in `known`.
std::string nearest_name(std::string_view name, std::span<const std::string_view> known);

}  // namespace lockstep
