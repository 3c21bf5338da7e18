#include "engine/base/text.hpp"

#include <fmt/format.h>

namespace lockstep {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string in_quotes(std::string_view text) {
  return fmt::format("'{}'", text);
}

std::vector<std::string_view> split_outside_parentheses(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  if (trimmed(text).empty()) return pieces;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')') --depth;
    if (depth == 0 && text[i] == separator) {
      pieces.push_back(trimmed(text.substr(start, i - start)));
      start = i + 1;
    }
  }
  pieces.push_back(trimmed(text.substr(start)));
  return pieces;
}

}  // namespace lockstep
