#include "engine/machine/meant_fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/base/error.hpp"
#include "engine/base/text/meant_quantity.hpp"
#include "engine/base/text/text.hpp"
#include "engine/machine/chip.hpp"
#include "engine/machine/fleet.hpp"

namespace lockstep {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Whether the comma at `i` parts thousands: three digits on its right, a digit on its left.
bool parts_thousands(std::string_view text, std::size_t i) {
  std::size_t digits = 0;
  while (i + 1 + digits < text.size() && is_digit(text[i + 1 + digits])) ++digits;
  const std::size_t after = i + 1 + digits;
  const bool ends = after >= text.size() || text[after] == ',' || text[after] == ' ' ||
                    text[after] == '_' || text[after] == ';';
  return i > 0 && is_digit(text[i - 1]) && digits == 3 && ends;
}

/// The word at the start of `text`, if it only says what is counted.
std::string_view noun_at(std::string_view text) {
  for (const std::string_view noun : {"chips", "chip", "gpus", "gpu", "GPUs", "GPU"})
    if (text.starts_with(noun)) return noun;
  return {};
}

/// Whether "H100:64" ends at the blank at `i`, where another generation follows.
bool parts_generations(std::string_view share, std::string_view text, std::size_t i) {
  return text[i] == ' ' && share.find(':') != std::string_view::npos && i > 0 &&
         is_digit(text[i - 1]) && i + 1 < text.size() &&
         (lower_case(text[i + 1]) != text[i + 1] || text[i + 1] >= 'a') &&
         noun_at(text.substr(i + 1)).empty() && text.find(':', i) != std::string_view::npos;
}

/// One generation's share of the text each.
std::vector<std::string> shares(std::string_view text) {
  std::vector<std::string> all(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool ends = c == ';' || c == '+' || c == '&' || c == '|' ||
                      (c == ',' && !parts_thousands(text, i)) ||
                      parts_generations(all.back(), text, i);
    if (text.substr(i).starts_with(" and "))
      all.emplace_back(), i += 4;
    else if (ends)
      all.emplace_back();
    else
      all.back() += c;
  }
  for (std::string& share : all) share = std::string(trimmed(share));
  if (all.size() > 1 && all.back().empty()) all.pop_back();
  return all;
}

/// Whole numbers of chips that `text` can mean.
std::vector<std::string> counts_in(std::string_view text) {
  if (const std::size_t blank = text.rfind(' '); blank != std::string_view::npos)
    if (const std::string_view last = text.substr(blank + 1); noun_at(last) == last)
      text = trimmed(text.substr(0, blank));
  std::vector<std::string> texts = {std::string(text)};
  if (!quantity_in(text, Dimension::none)) texts = meant_quantities(text, Dimension::none);
  std::vector<std::string> counts;
  for (const std::string& one : texts) {
    const double count = *quantity_in(one, Dimension::none);
    if (count >= 1 && count <= most_chips &&
        count == static_cast<double>(static_cast<std::int64_t>(count)))
      counts.push_back(fmt::format("{:.0f}", count));
  }
  return counts;
}

std::string generation_in(std::string_view text, const Values& values) {
  if (text.empty() || is_digit(text.front())) return "";
  try {
    return find_chip(text, values).name;
  } catch (const InputError&) {
    return meant_generation_of(text, values);
  }
}

/// The ways to read one share.
std::vector<std::string> readings(std::string_view share, const Values& values) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < share.size(); ++i) {
    const char c = share[i];
    if (std::string_view(":= x*X").find(c) == std::string_view::npos) continue;
    const std::string_view left = trimmed(share.substr(0, i));
    std::string_view right = trimmed(share.substr(i + 1));
    while (!right.empty() && std::string_view(":=x*").find(right.front()) != std::string_view::npos)
      right = trimmed(right.substr(1));
    for (const auto& [name, number] : {std::pair{left, right}, std::pair{right, left}}) {
      const std::string generation = generation_in(name, values);
      if (generation.empty()) continue;
      for (const std::string& count : counts_in(number)) {
        std::string text = fmt::format("{}:{}", generation, count);
        if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(std::move(text));
      }
    }
  }
  return all;
}

}  // namespace

std::vector<std::string> meant_fleets(std::string_view text, const Values& values) {
  constexpr std::size_t longest = 1000;  // to look at every way to read it
  if (text.size() > longest) return {};
  std::vector<std::string> all{""};
  for (const std::string& share : shares(plain_letters(text))) {
    const std::vector<std::string> ways = readings(share, values);
    std::vector<std::string> longer;
    for (const std::string& before : all)
      for (const std::string& way : ways)
        longer.push_back(before.empty() ? way : before + ", " + way);
    all = std::move(longer);
    if (all.size() > 2) all.clear();
  }
  return all;
}

}  // namespace lockstep
