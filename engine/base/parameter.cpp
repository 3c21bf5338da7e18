#include "engine/base/parameter.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "engine/base/error.hpp"
#include "engine/base/text/meant_quantity.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

// The next two whole numbers are the same double.
constexpr double greatest_count = 0x1p53 - 1;
// The maximum of a row that gives none.
constexpr double unbounded = Parameter().maximum;

std::string joined_words(const Parameter& row) {
  std::string text;
  for (const std::string_view word : row.words) {
    text += (text.empty() ? "" : " | ") + std::string(word);
  }
  return text;
}

/// The row's own bounds and those of its dimension together.
struct Range {
  double minimum, maximum;
  bool minimum_is_legal;
};

Range range_of(const Parameter& row) {
  const Limits limits = limits_of(row.dimension);
  const double greatest = row.type == ValueType::count ? greatest_count : limits.greatest;
  // A seed has more values than a count.
  const double maximum = row.type == ValueType::count && row.maximum < unbounded
                             ? row.maximum
                             : std::min(row.maximum, greatest);
  if (row.minimum == 0 && !row.minimum_is_legal) return {limits.least, maximum, true};
  return {row.minimum, maximum, row.minimum_is_legal};
}

std::string range_text(const Parameter& row) {
  const auto value = [&](double v) {
    // The double nearest to the largest 64-bit number is one more.
    if (row.type == ValueType::count && v >= 0x1p64) return std::to_string(UINT64_MAX);
    return row.type == ValueType::count ? format_number(v) : format_quantity(v, row.dimension);
  };
  const Range range = range_of(row);
  if (!range.minimum_is_legal) return "> " + value(range.minimum) + ", <= " + value(range.maximum);
  return value(range.minimum) + " .. " + value(range.maximum);
}

[[noreturn]] void refuse_range(const Parameter& row, const std::string& problem) {
  throw InputError(problem + " is out of range (allowed: " + allowed_text(row) +
                   ") write a value within");
}

bool in_range(const Parameter& row, double value) {
  const Range range = range_of(row);
  const bool above = range.minimum_is_legal ? value >= range.minimum : value > range.minimum;
  return above && value <= range.maximum;
}

/// Every value that a sampler can draw is one that could have been written.
void check_support(const Parameter& row, std::string_view text, const Distribution& law) {
  for (const Distribution& corner : law.corners())
    for (const double value : {corner.quantile(0x1p-53), corner.quantile(1 - 0x1p-53)}) {
      if (in_range(row, value)) continue;
      refuse_range(
          row, in_quotes(text) + " can reach " + format_quantity(value, row.dimension) + " and");
    }
}

Value read_law(const Parameter& row, std::string_view text, const std::string& directory) {
  const Distribution law = Distribution::parse(text, row.dimension, directory);
  check_support(row, text, law);
  return {law, law.text()};
}

/// A real is drawn once a trial anyway: uncertain(LAW) says that again.
Distribution once_a_trial(const Distribution& law, std::string_view text) {
  const std::span<const UncertainPart> parts = law.uncertain_parts();
  if (parts.empty()) return law;
  if (parts.front().name.empty()) return parts.front().law;
  throw InputError(in_quotes(text) +
                   " has an uncertain part (the parameter itself is drawn once a trial) write its "
                   "law with plain quantities");
}

Value read_real(const Parameter& row, std::string_view text, const std::string& directory) {
  if (text.find('(') != std::string_view::npos) {
    if (row.shapes_arrays) {
      throw InputError(in_quotes(text) +
                       " is a law (sizes depend on this parameter, so that it cannot be "
                       "uncertain) write one value, or sweep it; allowed: " +
                       allowed_text(row));
    }
    Value value = read_law(row, text, directory);
    const Distribution law = once_a_trial(std::get<Distribution>(value.data), text);
    if (!law.is_constant()) return {law, law.text()};
    const double only = law.mean();
    return {only, format_canonical(only, row.dimension)};
  }
  const double value = parse_quantity(text, row.dimension);
  const bool is_percent = row.maximum == 1 && value > 1 && value <= 100;
  if (is_percent)
    throw InputError(in_quotes(text) +
                     " is out of range (a share is due, allowed: " + allowed_text(row) +
                     fmt::format(") write {:.6g} for {:.6g} %", value / 100, value));
  if (!in_range(row, value)) refuse_range(row, in_quotes(text));
  return {value, format_canonical(value, row.dimension)};
}

/// "50step" and nothing that is no number of steps.
bool is_in_steps(std::string_view text) {
  const bool steps = text.ends_with("step") || text.ends_with("steps");
  return steps && text.find('(') == std::string_view::npos;
}

Value read_steps(const Parameter& row, std::string_view text) {
  const double steps = parse_quantity(text, Dimension::steps);
  if (!in_range(row, steps)) refuse_range(row, in_quotes(text));
  if (steps != std::floor(steps))
    throw InputError(
        in_quotes(text) + " is not a whole number of steps (nothing happens within a " +
        "step) write for example " + format_quantity(std::ceil(steps), Dimension::steps));
  const std::string canonical = format_canonical(steps, Dimension::steps);
  return {canonical, canonical};
}

Value read_count(const Parameter& row, std::string_view text) {
  if (text.find('(') != std::string_view::npos) {
    throw InputError(in_quotes(text) +
                     " is not a number (a count cannot be uncertain) write one value, or sweep it");
  }
  if (text.ends_with('%'))
    throw InputError(in_quotes(text) +
                     " is a share (a count is due) write how many; allowed: " + allowed_text(row));
  const double value = parse_quantity(text, Dimension::none);
  if (value != std::floor(value))
    throw InputError(in_quotes(text) +
                     " is not a whole number (a count is due) allowed: " + allowed_text(row));
  if (!in_range(row, value) || value > greatest_count) refuse_range(row, in_quotes(text));
  return {value, std::to_string(static_cast<std::int64_t>(value))};
}

/// A word where no number starts, so that "atuo" is not blamed for missing digits.
bool looks_like_word(std::string_view text) {
  const bool letter = (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z');
  return letter && text.find('(') == std::string_view::npos;
}

[[noreturn]] void refuse_word(const Parameter& row, std::string_view text) {
  std::string near = nearest_name(text, row.words);
  if (near.empty() && row.type != ValueType::choice)  // "none", where that is a number
    if (const auto meant = meant_quantities(text, row.dimension); meant.size() == 1)
      near = meant[0];
  throw InputError(in_quotes(text) + " is not known here (allowed: " + allowed_text(row) + ") " +
                   (near.empty() ? "choose one of them" : "did you mean " + near + "?"));
}

/// Always on: a wrong key would otherwise read a wrong model silently. Happens at planning time,
/// never in a kernel.
[[noreturn]] void programming_error(std::string_view problem, std::string_view key) {
  std::fprintf(stderr, "programming error: parameter '%.*s' %.*s\n", static_cast<int>(key.size()),
               key.data(), static_cast<int>(problem.size()), problem.data());
  std::abort();
}

double number_of(const Value& value, std::string_view key) {
  if (const double* number = std::get_if<double>(&value.data)) return *number;
  if (const auto* law = std::get_if<Distribution>(&value.data)) return law->mean();
  programming_error("has no number", key);
}

bool holds_number(const Value& value) {
  return std::holds_alternative<double>(value.data) ||
         std::holds_alternative<Distribution>(value.data);
}

std::int64_t count_of(const Value& value, std::string_view key) {
  const double* number = std::get_if<double>(&value.data);
  if (number == nullptr || *number != std::floor(*number)) {
    programming_error("is not a count", key);
  }
  return static_cast<std::int64_t>(*number);
}

}  // namespace

std::string allowed_text(const Parameter& row) {
  if (row.type == ValueType::choice) return joined_words(row);
  if (row.type == ValueType::text) {
    return joined_words(row);
  }
  std::string text = range_text(row);
  if (row.or_steps) text += " | a number of steps (50step)";
  if (row.type == ValueType::count) text = "a whole number " + text;
  if (row.type == ValueType::law) text = "a law or value " + text;
  return row.words.empty() ? text : text + " | " + joined_words(row);
}

Value parse_value(const Parameter& row, std::string_view text, const std::string& directory) {
  const std::string_view all = trimmed(text);
  if (all.empty()) {
    throw InputError("the value is empty (a key needs one) write it, or remove the line");
  }
  if (row.type == ValueType::text ||
      std::find(row.words.begin(), row.words.end(), all) != row.words.end()) {
    return {std::string(all), std::string(all)};
  }
  // A law row knows words of its own, the names of distributions: there only a near miss counts.
  const bool near_word =
      row.type != ValueType::law || (all != "none" && !nearest_name(all, row.words).empty());
  const bool word_due =
      row.type == ValueType::choice || (!row.words.empty() && looks_like_word(all) && near_word);
  if (word_due) refuse_word(row, all);
  if (row.type == ValueType::count) return read_count(row, all);
  if (row.type == ValueType::law) return read_law(row, all, directory);
  if (row.or_steps && is_in_steps(all)) return read_steps(row, all);
  return read_real(row, all, directory);
}

const Value* Values::find(std::string_view key) const {
  if (const auto own = own_.find(key); own != own_.end()) return &own->second;
  const auto shared = shared_->find(key);
  return shared == shared_->end() ? nullptr : &shared->second;
}

void Values::share() {
  own_.insert(shared_->begin(), shared_->end());
  shared_ = std::make_shared<const Map>(std::exchange(own_, {}));
}

std::vector<std::pair<std::string_view, const Value*>> Values::all() const {
  std::vector<std::pair<std::string_view, const Value*>> all;
  all.reserve(own_.size() + shared_->size());
  auto own = own_.begin();
  const auto add_own_up_to = [&](std::string_view key) {
    for (; own != own_.end() && own->first <= key; ++own)
      all.emplace_back(own->first, &own->second);
  };
  for (const auto& [key, value] : *shared_) {
    add_own_up_to(key);
    if (all.empty() || all.back().first != key) all.emplace_back(key, &value);
  }
  for (; own != own_.end(); ++own) all.emplace_back(own->first, &own->second);
  return all;
}

const Value& Values::get(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) programming_error("is not declared by any row", key);
  return *value;
}

bool Values::has(std::string_view key) const {
  const Value* value = find(key);
  return value != nullptr && !std::holds_alternative<std::monostate>(value->data);
}

double Values::real(std::string_view key) const {
  return number_of(get(key), key);
}

std::int64_t Values::count(std::string_view key) const {
  return count_of(get(key), key);
}

std::optional<double> Values::optional_real(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr || !holds_number(*value)) return std::nullopt;
  return number_of(*value, key);
}

std::optional<std::int64_t> Values::optional_count(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr || !holds_number(*value)) return std::nullopt;
  return count_of(*value, key);
}

const std::string& Values::text(std::string_view key) const {
  static const std::string absent;
  const Value& value = get(key);
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  if (!std::holds_alternative<std::monostate>(value.data)) programming_error("is not text", key);
  return absent;
}

bool Values::is_word(std::string_view key, std::string_view word) const {
  const auto* text = std::get_if<std::string>(&get(key).data);
  return text != nullptr && *text == word;
}

std::size_t Values::word(const Parameter& row, std::size_t count) const {
  const auto found = std::find(row.words.begin(), row.words.end(), text(row.key));
  const auto place = static_cast<std::size_t>(found - row.words.begin());
  if (place >= std::min(count, row.words.size())) programming_error("has no such word", row.key);
  return place;
}

std::optional<double> Values::optional_steps(std::string_view key) const {
  const auto* text = std::get_if<std::string>(&get(key).data);
  if (text == nullptr || !is_in_steps(*text)) return std::nullopt;
  return parse_quantity(*text, Dimension::steps);
}

const Distribution& Values::law(std::string_view key) const {
  if (const auto* law = std::get_if<Distribution>(&get(key).data)) return *law;
  programming_error("is not a law", key);
}

}  // namespace lockstep
