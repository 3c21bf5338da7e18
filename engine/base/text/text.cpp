#include "engine/base/text/text.hpp"

#include <fmt/format.h>

#include <utility>

namespace lockstep {

namespace {

/// UTF-8 of characters that look like one or more of ASCII, or like nothing.
constexpr std::pair<std::string_view, std::string_view> look_alikes[] = {
    {"\u00a0", " "},  {"\u2007", " "},  {"\u2009", " "}, {"\u202f", " "}, {"\u3000", " "},
    {"\u200b", ""},   {"\u2060", ""},   {"\ufeff", ""},  {"\u00b5", "u"}, {"\u03bc", "u"},
    {"\u2212", "-"},  {"\u2013", "-"},  {"\u2010", "-"}, {"\u2011", "-"}, {"\u00d7", "x"},
    {"\u00b7", "*"},  {"\u22c5", "*"},  {"\u2044", "/"}, {"\u2215", "/"}, {"\u201c", "\""},
    {"\u201d", "\""}, {"\u201e", "\""}, {"\u2018", "'"}, {"\u2019", "'"}, {"\u3001", ","},
};

/// The character of ASCII of which the three bytes at the start of `text` are the full-width form
/// (U+FF01 to U+FF5E); 0 where they are none.
char full_width(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xEF') return 0;
  const auto low = static_cast<unsigned char>(text[2]);
  if (text[1] == '\xBC' && low > 0x80) return static_cast<char>(low - 0x80 + 0x20);
  if (text[1] == '\xBD' && low < 0x9F) return static_cast<char>(low - 0x80 + 0x60);
  return 0;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string with_article(std::string_view name) {
  const bool is_word = name.size() > 1 && name[1] >= 'a' && name[1] <= 'z';
  const std::string_view vowels = is_word ? "aeiou" : "aefhilmnorsx";
  const bool sounds = !name.empty() && vowels.find(lower_case(name[0])) != std::string_view::npos;
  return fmt::format("{} {}", sounds ? "an" : "a", name);
}

std::string in_quotes(std::string_view text) {
  return fmt::format("'{}'", text);
}

std::string plain_letters(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    std::size_t used = 1;
    if (const char letter = full_width(text)) {
      plain += letter;
      used = 3;
    } else {
      std::string_view becomes = text.substr(0, 1);
      for (const auto& [looks, like] : look_alikes)
        if (text.starts_with(looks)) {
          used = looks.size();
          becomes = like;
        }
      plain += becomes;
    }
    text.remove_prefix(used);
  }
  return plain;
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
