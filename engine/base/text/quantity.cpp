#include "engine/base/text/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/text/meant_quantity.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

/// One unit: SI value = number * multiplier / divisor. Both are whole, so that "5us" is the double
/// nearest to 5e-6, not a product of rounded numbers.
struct Unit {
  std::string_view name;
  double multiplier = 1;
  double divisor = 1;
  bool written = false;  ///< format_quantity may choose it
};

struct UnitFamily {
  Dimension dimension;
  std::string_view symbol;     ///< of the SI unit, for people
  std::string_view what;       ///< in messages: "a time is due"
  std::string_view canonical;  ///< the SI unit as a user writes it
  std::string_view accepted;
  std::vector<Unit> units;
};

constexpr double kibi = 1024;
constexpr double least_bare_flop_rate = 1e9;

/// All units; `accepted` repeats their names in order, which a test compares.
std::span<const UnitFamily> families() {
  static const std::vector<UnitFamily> table = {
      {Dimension::none, "1", "a bare number", "", "", {{"", 1, 1, true}}},
      {Dimension::time,
       "s",
       "a time",
       "s",
       "ns us ms s min h d",
       {{"ns", 1, 1e9, true},
        {"us", 1, 1e6, true},
        {"ms", 1, 1e3, true},
        {"s", 1, 1, true},
        {"min", 60, 1, true},
        {"h", 3600, 1, true},
        {"d", 86400, 1, true}}},
      {Dimension::bytes,
       "B",
       "a size",
       "B",
       "B kB MB GB TB KiB MiB GiB TiB bit kbit Mbit Gbit Tbit",
       {{"B", 1, 1, true},
        {"kB", 1e3, 1, true},
        {"MB", 1e6, 1, true},
        {"GB", 1e9, 1, true},
        {"TB", 1e12, 1, true},
        {"KiB", kibi, 1, true},
        {"MiB", kibi * kibi, 1, true},
        {"GiB", kibi * kibi * kibi, 1, true},
        {"TiB", kibi * kibi * kibi * kibi, 1, true},
        {"bit", 1, 8},
        {"kbit", 1e3, 8},
        {"Mbit", 1e6, 8},
        {"Gbit", 1e9, 8},
        {"Tbit", 1e12, 8}}},
      {Dimension::bandwidth,
       "B/s",
       "a bandwidth",
       "B/s",
       "B/s kB/s MB/s GB/s TB/s KiB/s MiB/s GiB/s TiB/s bit/s kbit/s Mbit/s Gbit/s Tbit/s",
       {{"B/s", 1, 1, true},
        {"kB/s", 1e3, 1, true},
        {"MB/s", 1e6, 1, true},
        {"GB/s", 1e9, 1, true},
        {"TB/s", 1e12, 1, true},
        {"KiB/s", kibi, 1},
        {"MiB/s", kibi * kibi, 1},
        {"GiB/s", kibi * kibi * kibi, 1},
        {"TiB/s", kibi * kibi * kibi * kibi, 1},
        {"bit/s", 1, 8},
        {"kbit/s", 1e3, 8},
        {"Mbit/s", 1e6, 8},
        {"Gbit/s", 1e9, 8},
        {"Tbit/s", 1e12, 8}}},
      {Dimension::power,
       "W",
       "a power",
       "W",
       "W kW MW",
       {{"W", 1, 1, true}, {"kW", 1e3, 1, true}, {"MW", 1e6, 1, true}}},
      {Dimension::energy, "J", "an energy", "J", "J", {{"J", 1, 1, true}}},
      {Dimension::rate,
       "1/s",
       "a rate",
       "/s",
       "/s /min /h /d",
       {{"/s", 1, 1, true}, {"/min", 1, 60, true}, {"/h", 1, 3600, true}, {"/d", 1, 86400, true}}},
      {Dimension::steps, "step", "a number of steps", "step", "step", {{"step", 1, 1, true}}},
      {Dimension::flop_rate,
       "FLOP/s",
       "a rate of FLOPs",
       "FLOP/s",
       "FLOP/s GFLOP/s TFLOP/s PFLOP/s GFLOPS TFLOPS PFLOPS GFLOPs TFLOPs PFLOPs",
       {{"FLOP/s", 1, 1, true},
        {"GFLOP/s", 1e9, 1, true},
        {"TFLOP/s", 1e12, 1, true},
        {"PFLOP/s", 1e15, 1, true},
        {"GFLOPS", 1e9, 1},
        {"TFLOPS", 1e12, 1},
        {"PFLOPS", 1e15, 1},
        {"GFLOPs", 1e9, 1},
        {"TFLOPs", 1e12, 1},
        {"PFLOPs", 1e15, 1}}},
      {Dimension::power_ramp,
       "W/s",
       "a power a second",
       "W/s",
       "W/s kW/s MW/s",
       {{"W/s", 1, 1, true}, {"kW/s", 1e3, 1, true}, {"MW/s", 1e6, 1, true}}},
  };
  return table;
}

const UnitFamily& family(Dimension dimension) {
  return families()[static_cast<std::size_t>(dimension)];
}

const Unit* find_unit(const UnitFamily& of, std::string_view name) {
  for (const Unit& unit : of.units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

double to_si(double number, const Unit& unit) {
  return number * unit.multiplier / unit.divisor;
}

/// "did you mean 5us? ", or "" where nothing is clear.
std::string meant(std::string_view text, const UnitFamily& due) {
  const std::vector<std::string> texts = meant_quantities(text, due.dimension);
  return texts.empty() ? "" : fmt::format("did you mean {}?", fmt::join(texts, " or "));
}

[[noreturn]] void refuse(std::string_view text, std::string_view problem, std::string_view why,
                         const UnitFamily& due, std::string_view otherwise) {
  std::string hint = meant(text, due);
  if (hint.empty())
    hint = otherwise;
  else if (due.dimension != Dimension::none)
    hint += fmt::format(" units: {}", due.accepted);
  throw InputError(fmt::format("'{}' {} ({}) {}", text, problem, why, hint));
}

[[noreturn]] void refuse_unit(std::string_view text, std::string_view unit, const UnitFamily& due) {
  const std::string units = fmt::format("units: {}", due.accepted);
  if (unit.empty())
    refuse(text, "has no unit", fmt::format("{} is due", due.what), due,
           fmt::format("write one of these behind it: {}", due.accepted));
  if (due.dimension == Dimension::none)
    refuse(text, "is not a bare number",
           fmt::format("'{}' follows it and no unit is due", plain_letters(unit)), due,
           "write digits alone");
  for (const UnitFamily& other : families()) {
    if (find_unit(other, unit) == nullptr) continue;
    refuse(text, "has the wrong unit",
           fmt::format("'{}' is {}'s; {} is due", unit, other.what, due.what), due, units);
  }
  refuse(text, "has an unknown unit", fmt::format("'{}'; {} is due", plain_letters(unit), due.what),
         due, units);
}

struct Number {
  double value = 0;
  std::size_t length = 0;
  std::errc error{};
};

/// A number and unit as a user may write it.
std::string example_of(const UnitFamily& due) {
  if (due.dimension == Dimension::flop_rate) return "989.4TFLOP/s";
  return "2" + std::string(due.units.size() > 1 ? due.units[1].name : due.units[0].name);
}

/// The number at the start of `text`.
Number number_at(std::string_view text) {
  // from_chars knows no locale, but reads "inf" and "nan".
  const std::size_t digit = text.starts_with('-') ? 1 : 0;
  const bool starts =
      digit < text.size() && ((text[digit] >= '0' && text[digit] <= '9') || text[digit] == '.');
  if (!starts) return {.error = std::errc::invalid_argument};
  Number number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.value);
  number.error = error;
  number.length = static_cast<std::size_t>(end - text.data());
  return number;
}

/// `number` in SI; nothing where `unit` is none of the family's.
std::optional<double> in_si(double number, std::string_view unit, const UnitFamily& due) {
  if (due.dimension == Dimension::flop_rate && unit.empty() && number >= least_bare_flop_rate)
    return number;
  const Unit* known = find_unit(due, unit);
  return known ? std::optional(to_si(number, *known)) : std::nullopt;
}

/// The shortest `value` (SI) in `unit` that reads back as the same, if some double next to
/// value / unit does.
std::optional<std::string> written_in(double value, const Unit& unit) {
  const double number = value / unit.multiplier * unit.divisor;
  std::optional<std::string> best;
  for (const double candidate :
       {number, std::nextafter(number, 0.0), std::nextafter(number, 2 * number)}) {
    if (to_si(candidate, unit) != value) continue;
    const std::string text = format_number(candidate) + std::string(unit.name);
    if (!best || text.size() < best->size()) best = text;
  }
  return best;
}

}  // namespace

std::string_view unit_symbol(Dimension dimension) {
  return family(dimension).symbol;
}

std::string_view accepted_units(Dimension dimension) {
  return family(dimension).accepted;
}

Limits limits_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::none:
      return {1e-9, 1e24};
    case Dimension::time:
      return {1e-12, 8.64e17};  // 1e13 days
    case Dimension::bytes:
      return {1, 1e21};
    case Dimension::bandwidth:
      return {1, 1e18};
    case Dimension::power:
    case Dimension::energy:
    case Dimension::power_ramp:
      return {1e-9, 1e21};
    case Dimension::rate:
      return {1e-18, 1e12};
    case Dimension::steps:
      return {1e-9, 1e15};
    case Dimension::flop_rate:
      return {1, 1e24};
  }
  return {};
}

std::optional<double> quantity_in(std::string_view text, Dimension dimension) {
  const std::string_view all = trimmed(text);
  const Number number = number_at(all);
  if (number.error != std::errc{}) return std::nullopt;
  const auto value = in_si(number.value, trimmed(all.substr(number.length)), family(dimension));
  return value && std::isfinite(*value) ? value : std::nullopt;
}

double parse_quantity(std::string_view text, Dimension dimension) {
  const UnitFamily& due = family(dimension);
  const std::string_view all = trimmed(text);
  if (all.empty()) {
    throw InputError("'' is empty (" + std::string(due.what) + " is due) write for example 1" +
                     std::string(due.canonical));
  }
  const Number number = number_at(all);
  if (number.error == std::errc::invalid_argument)
    refuse(all, "is not a number", "digits are due", due, "write for example " + example_of(due));
  if (number.error == std::errc::result_out_of_range) {
    throw InputError(in_quotes(all) +
                     " is out of range (the largest number is 1.8e308, the smallest "
                     "2.2e-308) write a number between");
  }
  const std::string_view unit = trimmed(all.substr(number.length));
  const std::optional<double> value = in_si(number.value, unit, due);
  if (!value) refuse_unit(all, unit, due);
  if (!std::isfinite(*value)) {
    throw InputError(in_quotes(all) + " is too large (the largest number is 1.8e308 " +
                     std::string(due.symbol) + ") write a smaller one");
  }
  return *value;
}

std::string format_number(double value) {
  std::array<char, 32> buffer;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return std::string(buffer.data(), end);
}

std::string format_canonical(double value, Dimension dimension) {
  // -0 and 0 are equal values.
  return format_number(value + 0.0) + std::string(family(dimension).canonical);
}

std::string format_quantity(double value, Dimension dimension) {
  const std::string plain = format_canonical(value, dimension);
  if (value == 0 || !std::isfinite(value)) return plain;
  // The shortest text among the units that leave a number of at least 1, the larger unit first;
  // in the smallest where none does.
  const Unit* smallest = nullptr;
  std::string best;
  double best_size = 0;
  for (const Unit& unit : family(dimension).units) {
    if (!unit.written) continue;
    const double size = unit.multiplier / unit.divisor;
    if (smallest == nullptr || size < smallest->multiplier / smallest->divisor) smallest = &unit;
    if (std::fabs(value) < size) continue;
    const std::optional<std::string> text = written_in(value, unit);
    if (!text) continue;
    const bool shorter = text->size() < best.size();
    if (best.empty() || shorter || (text->size() == best.size() && size > best_size)) {
      best = *text;
      best_size = size;
    }
  }
  if (best.empty()) {
    const std::optional<std::string> text = written_in(value, *smallest);
    if (text && text->size() <= plain.size()) best = *text;
  }
  return best.empty() ? plain : best;
}

std::string format_rounded(double value, Dimension dimension) {
  // As above, but for which units can hold the value.
  std::string best;
  for (const Unit& unit : family(dimension).units) {
    const double size = unit.multiplier / unit.divisor;
    if (!unit.written || (!best.empty() && std::fabs(value) < size)) continue;
    std::string text = fmt::format("{:.4g}{}", value / size, unit.name);
    if (best.empty() || text.size() <= best.size()) best = std::move(text);
  }
  return best;
}

std::string format_duration(double seconds) {
  if (seconds < 60) return fmt::format("{:.3g} s", seconds);
  if (seconds < 3600) return fmt::format("{:.3g} min", seconds / 60);
  return fmt::format("{:.3g} h", seconds / 3600);
}

}  // namespace lockstep
