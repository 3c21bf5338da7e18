#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// A name that others give to what a key of ours says. It is never accepted, only hinted at.
struct KeyAlias {
  std::string_view name;  ///< the last part of a key, in lower case with "_" between its words
  std::string_view key;   ///< ours, that takes the same value; "" where none does
  std::string_view advice = {};  ///< "(why) suggestion" where none does
};

std::span<const KeyAlias> key_aliases();

/// What to write in place of the unknown `key` that has `value`: "did you mean job.tensor?", the
/// line to write ("write fleet.chips = H100:1024"), or where to look. `rows` are all known ones.
std::string key_hint(std::string_view key, std::string_view value, std::span<const Parameter> rows);

}  // namespace lockstep
