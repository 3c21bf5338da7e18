#include "engine/base/text/written_number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t digits_at(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - begin;
}

std::string without(std::string_view text, char separator) {
  std::string result(text);
  std::erase(result, separator);
  return result;
}

/// Whether `separator` parts the digits in groups of three, but for the first.
bool in_groups(std::string_view text, char separator) {
  bool first = true;
  while (true) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (digits_at(text, 0) != end || (first ? end < 1 || end > 3 : end != 3)) return false;
    if (end == text.size()) return !first;
    first = false;
    text.remove_prefix(end + 1);
  }
}

/// Length of the digits at the start of `text` with all that can part them.
std::size_t digits_length(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const char c = text[end];
    const std::size_t group = is_digit(c) ? 0 : digits_at(text, end + 1);
    const bool parts = (c == '_' || c == ',' || c == '.' || c == '\'') && group > 0;
    const bool blank = c == ' ' && group == 3 && end > 0;
    const bool point = c == '.' && end > 0 && text.find('.') == end;  // "5.": digits may lack
    if (!is_digit(c) && !parts && !blank && !point) break;
    ++end;
  }
  return end;
}

/// The plain decimals that digits with separators can stand for.
std::vector<std::string> decimals(std::string_view digits) {
  std::string plain = without(without(without(digits, '_'), '\''), ' ');
  const auto commas = std::count(plain.begin(), plain.end(), ',');
  const auto points = std::count(plain.begin(), plain.end(), '.');
  if (commas == 0 && points <= 1) return {plain};
  if (commas == 0)
    return in_groups(plain, '.') ? std::vector{without(plain, '.')} : std::vector<std::string>{};
  const auto with_point = [](std::string text) {
    std::replace(text.begin(), text.end(), ',', '.');
    return text;
  };
  if (points == 0) {
    std::vector<std::string> all;
    if (in_groups(plain, ',') && plain[0] != '0') all.push_back(without(plain, ','));
    if (commas == 1 && !(all.size() == 1 && plain.ends_with(",000")))
      all.push_back(with_point(plain));
    return all;
  }
  const std::size_t comma = plain.rfind(','), point = plain.rfind('.');
  if (points == 1 && point > comma && in_groups(std::string_view(plain).substr(0, point), ','))
    return {without(plain, ',')};
  if (commas == 1 && comma > point && in_groups(std::string_view(plain).substr(0, comma), '.'))
    return {with_point(without(plain, '.'))};
  return {};
}

/// Drops blanks and then `token` from the start of `text`; false where it does not follow.
bool take(std::string_view& text, std::string_view token) {
  std::string_view rest = text;
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (!rest.starts_with(token)) return false;
  rest.remove_prefix(token.size());
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  text = rest;
  return true;
}

/// "9", "+9", "-3", in parentheses or not, of an exponent.
std::optional<std::string> take_exponent(std::string_view& text) {
  std::string_view rest = text;
  std::string sign;
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) {
    if (rest[0] == '-') sign = "-";
    rest.remove_prefix(1);
  }
  const std::size_t length = digits_at(rest, 0);
  if (length == 0 || length > 3) return std::nullopt;
  std::string exponent = sign + std::string(rest.substr(0, length));
  text = rest.substr(length);
  return exponent;
}

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// base to the power, where that is exact.
std::optional<double> whole_power(double base, const std::string& exponent) {
  double result = 1;
  if (base != std::floor(base) || exponent.starts_with('-')) return std::nullopt;
  for (int i = 0; i < std::stoi(exponent); ++i) {
    result *= base;
    if (result > 0x1p53) return std::nullopt;
  }
  return result;
}

/// One factor: digits with what belongs to them, exponent included.
std::vector<WrittenNumber> factors(std::string_view text) {
  const std::size_t length = digits_length(text);
  std::string_view rest = text.substr(length);
  std::string exponent;
  for (const std::string_view mark :
       {"e", "E", "x10^", "x 10^", "*10^", "* 10^", "*10**", "x10**"}) {
    std::string_view after = rest;
    if (!exponent.empty() || !take(after, mark)) continue;
    if (const auto digits = take_exponent(after)) {
      exponent = *digits;
      rest = after;
    }
  }
  std::vector<WrittenNumber> all;
  for (const std::string& decimal : decimals(text.substr(0, length))) {
    std::optional<double> value = number_in(exponent.empty() ? decimal : decimal + "e" + exponent);
    std::string_view after = rest;
    if (value && exponent.empty() && (take(after, "^") || take(after, "**"))) {
      const auto power = take_exponent(after);
      if (!power) continue;
      value = *value == 10 ? number_in("1e" + *power) : whole_power(*value, *power);
    } else {
      after = rest;
    }
    if (value && std::isfinite(*value)) all.push_back({*value, false, after});
  }
  return all;
}

}  // namespace

std::vector<WrittenNumber> written_numbers(std::string_view text) {
  std::vector<WrittenNumber> all;
  if (digits_length(text) == 0) return all;
  for (const WrittenNumber& first : factors(text)) {
    WrittenNumber number = first;
    std::string_view rest = number.rest;
    const bool divides = take(rest, "/");
    if (divides || take(rest, "*") || (number.value > 0 && take(rest, "x")))
      if (!rest.empty() && is_digit(rest[0]))
        if (const auto second = factors(rest); second.size() == 1) {
          const double by = second.front().value;
          number.value = divides ? number.value / by : number.value * by;
          number.fraction = divides;
          number.rest = second.front().rest;
        }
    if (std::isfinite(number.value)) all.push_back(number);
  }
  return all;
}

}  // namespace lockstep
