#include "experiments/json.hpp"

#include <fmt/format.h>

#include <cmath>

namespace lockstep::json {

std::string of(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      quoted += c;
  }
  return quoted + '"';
}

std::string of(double number) {
  return std::isfinite(number) ? fmt::format("{}", number) : "null";
}

std::string of(const Estimate& estimate) {
  return fmt::format("{{\"value\": {}, \"lower\": {}, \"upper\": {}}}", of(estimate.value),
                     of(estimate.lower), of(estimate.upper));
}

std::string of(std::span<const double> numbers) {
  std::vector<std::string> values;
  for (double number : numbers) values.push_back(of(number));
  return array(values);
}

std::string array(std::span<const std::string> values, bool lines) {
  return fmt::format("[{}{}]", lines && !values.empty() ? "\n  " : "",
                     fmt::join(values, lines ? ",\n  " : ", "));
}

std::string object(std::span<const std::pair<std::string, std::string>> members) {
  std::vector<std::string> texts;
  for (const auto& [key, value] : members) texts.push_back(of(key) + ": " + value);
  return fmt::format("{{{}}}", fmt::join(texts, ", "));
}

}  // namespace lockstep::json
