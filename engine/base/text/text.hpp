#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// The text without blanks, tabs and line ends at both ends.
std::string_view trimmed(std::string_view text);

/// A letter A-Z in lower case, anything else as it is; unlike std::tolower whatever the locale.
constexpr char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// "1 chip", "2 chips".
std::string counted(std::int64_t count, std::string_view noun);

/// A name with its article as it is spoken: "a B200", "an H100", where capitals are spelt.
std::string with_article(std::string_view name);

/// 'text', for messages.
std::string in_quotes(std::string_view text);

/// The same in the letters of a keyboard: what only looks like them (full-width forms, blanks that
/// are no space, both micro signs, a typographic minus, quotes or times) becomes what it looks
/// like, and what cannot be seen goes. Other text, letters with accents too, stays.
std::string plain_letters(std::string_view text);

/// The pieces between `separator`s that stand outside parentheses, each trimmed. "" has none.
std::vector<std::string_view> split_outside_parentheses(std::string_view text, char separator);

}  // namespace lockstep
