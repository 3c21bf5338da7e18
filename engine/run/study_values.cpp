#include "engine/run/study_values.hpp"

#include <fmt/core.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/sha256.hpp"
#include "engine/base/text.hpp"
#include "engine/run/stopping_rule.hpp"
#include "engine/run/study.hpp"

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
  const std::filesystem::path path = std::filesystem::path(directory) / name;
  std::error_code ignored;
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path, ignored))
    throw InputError(fmt::format(
        "'{}' cannot be read (looked for {}) check the path, which starts at the study's folder",
        name, path.string()));
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  return {path.string(), "csv:sha256=" + sha256_hex(content)};
}

/// "problem (why) suggestion" with what is allowed among the whys.
std::string with_allowed(std::string message, const std::string& allowed) {
  const std::size_t end_of_why = message.rfind(") ");
  if (end_of_why == std::string::npos) return message + "; allowed: " + allowed;
  return message.insert(end_of_why, "; allowed: " + allowed);
}

}  // namespace

std::string_view without_quotes(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.find('"', 1) != text.size() - 1) return text;
  return trimmed(text.substr(1, text.size() - 2));
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
  if (row.type == ValueType::text && text.ends_with(".csv")) return read_csv(text, directory);
  try {
    return parse_value(row, text, directory);
  } catch (const InputError& error) {
    const std::string message = error.what();
    const std::string allowed = allowed_text(row);
    if (allowed.empty() || message.find("allowed: ") != std::string::npos) throw;
    throw InputError(with_allowed(message, allowed));
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
