#include "engine/run/study/study_values.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/sha256.hpp"
#include "engine/base/text/csv.hpp"
#include "engine/base/text/meant_quantity.hpp"
#include "engine/base/text/text.hpp"
#include "engine/run/convergence/stopping_rule.hpp"
#include "engine/run/study/study.hpp"

namespace lockstep {
namespace {

/// A double holds 53 bits, a seed 64: it is read from its digits and kept as text.
Value read_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const auto [used, error] = std::from_chars(text.data(), end, seed);
  if (error != std::errc{} || used != end)
    throw InputError(
        fmt::format("'{}' is not a seed (digits only, 0 .. 18446744073709551615) write for "
                    "example 1",
                    text));
  std::string digits = std::to_string(seed);
  return {digits, digits};
}

Value read_until(std::string_view text) {
  const std::string canonical = text == "none" ? "none" : parse_stopping_rule(text).text;
  return {canonical, canonical};
}

/// The study stands for what the file says, not for where it lies.
Value read_csv(std::string_view name, const std::string& directory) {
  const std::filesystem::path path = (std::filesystem::path(directory) / name).lexically_normal();
  return {path.string(), "csv:sha256=" + sha256_hex(read_csv_content(path))};
}

/// "problem (why) suggestion" with what is allowed among the whys.
std::string with_allowed(std::string message, const std::string& allowed) {
  const std::size_t why = message.find(" (");
  int depth = 0;
  for (std::size_t i = why; i < message.size(); ++i) {
    depth += (message[i] == '(') - (message[i] == ')');
    if (message[i] == ')' && depth == 0) return message.insert(i, "; allowed: " + allowed);
  }
  return message + "; allowed: " + allowed;
}

/// Whether `row` takes `text`, or has something else to say about it than of `part`.
bool takes(const Parameter& row, std::string_view text, std::string_view part,
           const std::string& directory) {
  try {
    parse_value(row, text, directory);
    return true;
  } catch (const InputError& error) {
    const std::string_view message = error.what();
    return message.find(in_quotes(part)) == std::string_view::npos &&
           message.find("out of range") == std::string_view::npos;
  }
}

/// The message without those of its hints ("did you mean A or B?") that the row refuses in place of
/// the text that the message quotes first: a wrong hint is worse than none.
std::string with_good_hints(std::string message, const Parameter& row, std::string_view text,
                            const std::string& directory) {
  constexpr std::string_view asks = "did you mean ";
  const std::size_t hint = message.find(asks);
  const std::size_t end = message.find('?', hint);
  if (end == std::string::npos) return message;
  const std::size_t whole = message.find(in_quotes(text));
  const std::size_t quote = std::min(whole, message.find('\''));
  const std::size_t closing =
      whole == quote ? quote + 1 + text.size() : message.find('\'', quote + 1);
  if (closing > hint) return message;
  const std::string bad = message.substr(quote + 1, closing - quote - 1);
  const std::size_t place = text.find(bad);
  if (place == std::string_view::npos) return message;
  std::string good;
  std::string_view hints = std::string_view(message).substr(hint + asks.size());
  hints = hints.substr(0, end - hint - asks.size());
  while (!hints.empty()) {
    const std::string_view one = hints.substr(0, hints.find(" or "));
    hints.remove_prefix(std::min(hints.size(), one.size() + std::string_view(" or ").size()));
    if (takes(row, std::string(text).replace(place, bad.size(), one), one, directory))
      good += fmt::format("{}{}", good.empty() ? asks : " or ", one);
  }
  const bool goes_on = end + 1 < message.size();  // with the units
  good += !good.empty() ? "?" : goes_on ? "write another value;" : "write another value";
  return message.replace(hint, end + 1 - hint, good);
}

/// "10%" where a factor is due.
void refuse_percent_of_factor(const Parameter& row, std::string_view text) {
  if (!row.is_factor || text.find('%') == std::string_view::npos) return;
  std::string hint = "write factors: 10 % slower is 1.1";
  if (const auto shares = meant_quantities(text, Dimension::none); shares.size() == 1) {
    const double percent = std::round(*quantity_in(shares[0], Dimension::none) * 1e6) / 1e4;
    hint = fmt::format("did you mean {}?", format_number((100 + percent) / 100));
  }
  throw InputError(fmt::format("'{}' is a share (a factor is due) {}", text, hint));
}

Value read_alone(const Parameter& row, std::string_view text, const std::string& directory) {
  refuse_percent_of_factor(row, text);
  if (row.type == ValueType::text && text.ends_with(".csv")) return read_csv(text, directory);
  return parse_value(row, text, directory);
}

std::vector<std::string> pieces_of(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  for (const std::string_view piece : split_outside_parentheses(text, separator)) {
    const std::string_view value = without_quotes(trimmed(piece));
    if (!value.empty() || separator != ' ') pieces.emplace_back(value);
  }
  return pieces;
}

/// The values of a list, as another language may write it.
std::vector<std::string> listed_values(const Parameter& row, std::string_view text,
                                       const std::string& directory) {
  text = without_brackets(text);
  while (text.ends_with(',')) text = trimmed(text.substr(0, text.size() - 1));
  const auto taken = [&](const std::string& value) {
    try {
      read_alone(row, value, directory);
      return true;
    } catch (const InputError&) {
      return false;
    }
  };
  for (const char separator : {',', ';', '|', ' '}) {
    std::vector<std::string> values = pieces_of(text, separator);
    if (values.size() < 2) continue;
    const auto good = std::count_if(values.begin(), values.end(), taken);
    const bool all = good == static_cast<std::ptrdiff_t>(values.size());
    if (all || (separator != ' ' && good > 0)) return values;
  }
  return {};
}

/// What is wrong with `text`, with what is allowed.
std::string refined(const std::string& problem, const Parameter& row, std::string_view text,
                    const std::string& directory) {
  const std::string message = with_good_hints(problem, row, text, directory);
  const std::string allowed = allowed_text(row);
  if (allowed.empty() || message.find("allowed: ") != std::string::npos) return message;
  return with_allowed(message, allowed);
}

/// Where a key has several values; returns where `text` is none of that.
void refuse_list(const Parameter& row, std::string_view text, const std::string& directory) {
  const std::vector<std::string> values = listed_values(row, text, directory);
  if (values.empty()) return;
  for (const std::string& number : meant_quantities(text, row.dimension))
    if (takes(row, number, number, directory)) return;  // 8,000,000,000 is one
  if (row.key.starts_with("sampling."))
    throw InputError(
        "several values (a key has one, and this one is the same for all design points) run the "
        "study once for each");
  for (const std::string& value : values) try {
      read_alone(row, value, directory);
    } catch (const InputError& error) {
      throw InputError(fmt::format("{} (several values go under [sweep])",
                                   refined(error.what(), row, value, directory)));
    }
  throw InputError(
      fmt::format("several values (a key has one, an axis under [sweep] several, with "
                  "commas between) write {} = {} under [sweep]",
                  row.key, fmt::join(values, ", ")));
}

}  // namespace

std::string_view without_quotes(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.find('"', 1) != text.size() - 1) return text;
  return trimmed(text.substr(1, text.size() - 2));
}

std::string_view without_brackets(std::string_view text) {
  const bool square = text.starts_with('[') && text.ends_with(']');
  const bool curly = text.starts_with('{') && text.ends_with('}');
  return square || curly ? trimmed(text.substr(1, text.size() - 2)) : text;
}

std::vector<std::string> split_values(std::string_view text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  int depth = 0;
  bool open_quote = false;
  const auto end_part = [&](std::size_t end) {
    const std::string_view part = without_quotes(trimmed(text.substr(begin, end - begin)));
    if (part.empty())
      throw InputError(
          fmt::format("value {} is empty (values are separated by single commas) remove the comma "
                      "or give the value",
                      parts.size() + 1));
    parts.emplace_back(part);
    begin = end + 1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') open_quote = !open_quote;
    if (open_quote) continue;
    if (c == '(') ++depth;
    if (c == ')' && --depth < 0)
      throw InputError("a ')' too many (it closes nothing) remove it or add its '('");
    if (c == ',' && depth == 0) end_part(i);
  }
  if (open_quote)
    throw InputError(
        "a double quote is not closed (a '#' cuts the line, inside quotes too) add it");
  if (depth > 0) throw InputError("a '(' is not closed (a law ends with ')') add the ')'");
  end_part(text.size());
  return parts;
}

std::string listed(const std::string& text) {
  int depth = 0;
  for (const char c : text) {
    depth += (c == '(') - (c == ')');
    if (c == ',' && depth == 0) return '"' + text + '"';
  }
  return text;
}

Value read_value(const Parameter& row, std::string_view text, const std::string& directory) {
  text = without_quotes(text);
  if (text.empty())
    throw InputError("no value (a key needs one) give it, or remove the line to get the default");
  if (row.key == "sampling.seed") return read_seed(text);
  if (row.key == "sampling.until") return read_until(text);
  try {
    return read_alone(row, text, directory);
  } catch (const InputError& error) {
    refuse_list(row, text, directory);
    throw InputError(refined(error.what(), row, text, directory));
  }
}

std::string shown(std::string_view key, std::string_view value) {
  constexpr std::size_t longest = 72;
  if (value.size() <= longest) return fmt::format("{} = {}", key, value);
  // The cut falls before a byte that starts a UTF-8 character, or the line would not be text.
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  return fmt::format("{} = {}...", key, value.substr(0, end));
}

}  // namespace lockstep
