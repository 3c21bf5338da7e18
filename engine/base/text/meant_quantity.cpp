#include "engine/base/text/meant_quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"
#include "engine/base/text/written_number.hpp"

namespace lockstep {

namespace {

/// Longer texts are no quantities that someone wrote.
constexpr std::size_t longest = 200;

/// A unit that others write as `name` (in lower case): so many of our own.
struct Spelling {
  std::string_view name;
  std::string_view unit;
  double factor = 1;
};

constexpr Spelling times[] = {
    {"sec", "s"},      {"secs", "s"},   {"second", "s"},       {"seconds", "s"},
    {"msec", "ms"},    {"msecs", "ms"}, {"millisecond", "ms"}, {"milliseconds", "ms"},
    {"usec", "us"},    {"usecs", "us"}, {"microsecond", "us"}, {"microseconds", "us"},
    {"nsec", "ns"},    {"nsecs", "ns"}, {"nanosecond", "ns"},  {"nanoseconds", "ns"},
    {"m", "min"},      {"mins", "min"}, {"minute", "min"},     {"minutes", "min"},
    {"hr", "h"},       {"hrs", "h"},    {"hour", "h"},         {"hours", "h"},
    {"day", "d"},      {"days", "d"},   {"wk", "d", 7},        {"week", "d", 7},
    {"weeks", "d", 7},
};
constexpr Spelling powers[] = {{"watt", "W"},       {"watts", "W"},     {"kilowatt", "kW"},
                               {"kilowatts", "kW"}, {"megawatt", "MW"}, {"megawatts", "MW"},
                               {"gw", "MW", 1000}};
constexpr Spelling energies[] = {
    {"joule", "J"}, {"joules", "J"}, {"kj", "J", 1e3}, {"wh", "J", 3600}, {"kwh", "J", 3.6e6}};
constexpr Spelling ramps[] = {{"w", "W/s"},       {"w/sec", "W/s"},  {"watt/s", "W/s"},
                              {"watts/s", "W/s"}, {"kw", "kW/s"},    {"kw/s", "kW/s"},
                              {"w/ms", "kW/s"},   {"kw/sec", "kW/s"}};
constexpr Spelling steps[] = {{"steps", "step"}, {"iteration", "step"}, {"iterations", "step"},
                              {"iter", "step"},  {"iters", "step"},     {"it", "step"}};
/// Behind a bare number. B is a billion, as in 405B, for there are no bytes to count.
constexpr Spelling magnitudes[] = {
    {"%", "", 1e-2},        {"percent", "", 1e-2}, {"ppm", "", 1e-6},   {"thousand", "", 1e3},
    {"million", "", 1e6},   {"mio", "", 1e6},      {"mn", "", 1e6},     {"b", "", 1e9},
    {"bn", "", 1e9},        {"billion", "", 1e9},  {"g", "", 1e9},      {"t", "", 1e12},
    {"trillion", "", 1e12}, {"ki", "", 1024},      {"mi", "", 1048576},
};
/// What a bare number may count, said again behind it.
constexpr std::string_view nouns[] = {"token",      "tokens", "param",  "params",   "parameter",
                                      "parameters", "layer",  "layers", "trial",    "trials",
                                      "step",       "steps",  "stages", "replicas", "sequence",
                                      "sequences",  "flop",   "flops",  "x",        "times"};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower_case);
  return result;
}

std::vector<Spelling> one_of(std::span<const Spelling> table, std::string_view name) {
  for (const Spelling& spelling : table)
    if (spelling.name == name) return {spelling};
  return {};
}

/// The unit of so many bits or bytes under "", k, M, G, T, or their binary ones.
std::string sized(std::string_view prefix, bool bits, std::string_view tail) {
  std::string unit(prefix);
  if (unit == "K" || unit == "g" || unit == "m" || unit == "t")
    unit[0] = unit == "K" ? 'k' : static_cast<char>(unit[0] - 'a' + 'A');
  if (unit == "Ki" || unit == "ki") unit = "Ki";
  return unit + (bits ? "bit" : "B") + std::string(tail);
}

/// Sizes, and with "/s" behind them bandwidths. A small b is a bit where rates are due; of sizes,
/// whose writers are less careful, either.
std::vector<std::string> sizes(std::string_view unit, std::string_view tail) {
  std::string spelt(unit);
  for (const std::string_view word : {"kilob", "megab", "gigab", "terab"})
    if (lower(unit).starts_with(word))
      spelt = std::string(1, word[0] == 'k' ? 'k' : static_cast<char>(word[0] - 'a' + 'A')) +
              std::string(unit.substr(4));
  std::string_view body = spelt;
  const bool is_rate = !tail.empty();
  bool per_second = false;
  if (is_rate) {
    for (const std::string_view end : {"ps", "/s", "/sec", "/second", "PS", "p/s"})
      if (!per_second && body.ends_with(end) && body.size() > end.size()) {
        body.remove_suffix(end.size());
        per_second = true;
      }
  }
  const std::size_t split = body.find_first_not_of("kKMGTgmtPi");
  const std::string_view prefix = body.substr(0, split);
  const std::string_view rest = split == std::string_view::npos ? "" : body.substr(split);
  const std::string word = lower(rest);
  if (word == "bit" || word == "bits") return {sized(prefix, true, tail)};
  if (word == "byte" || word == "bytes") return {sized(prefix, false, tail)};
  if (rest == "b" && prefix.empty()) return {sized(prefix, false, tail), sized(prefix, true, tail)};
  const bool careful = !prefix.empty() && prefix[0] != lower_case(prefix[0]);  // "Gb", not "gb"
  const bool spelt_ps = per_second && unit.ends_with("ps");
  if (rest == "b") {
    if (is_rate && (careful || spelt_ps)) return {sized(prefix, true, tail)};
    if (!is_rate && !careful) return {sized(prefix, false, tail)};
    return {sized(prefix, false, tail), sized(prefix, true, tail)};
  }
  if (rest == "B")
    return unit.ends_with("PS") ? std::vector{sized(prefix, false, tail), sized(prefix, true, tail)}
                                : std::vector{sized(prefix, false, tail)};
  if (rest.empty() && !prefix.empty() && !per_second)
    return is_rate ? std::vector{sized(prefix, false, tail), sized(prefix, true, tail)}
                   : std::vector{sized(prefix, false, tail)};
  return {};
}

/// "tflops", "PFLOP", "TF": FLOP/s under their prefix.
std::vector<Spelling> flop_rates(std::string_view unit) {
  std::string word = lower(unit);
  if (word.starts_with("tera")) word.erase(1, 3);
  if (word.starts_with("peta") || word.starts_with("giga")) word.erase(1, 3);
  const std::string_view prefixes = "gtp";
  if (word.empty() || prefixes.find(word[0]) == std::string_view::npos) return {};
  static const std::string g = "GFLOP/s", t = "TFLOP/s", p = "PFLOP/s";
  const std::string& name = word[0] == 'g' ? g : word[0] == 't' ? t : p;
  const std::string_view rest = std::string_view(word).substr(1);
  for (const std::string_view known : {"flop", "flops", "flop/s", "flops/s", "f", "flopps", ""})
    if (rest == known) return {{"", name}};
  return {};
}

/// "/day", "per hour", "1/d", "Hz": a rate.
std::vector<Spelling> rates(std::string_view unit) {
  std::string word = lower(unit);
  if (word == "hz") return {{"", "/s"}};
  for (const std::string_view noun : {"failures", "failure", "events"})
    if (word.starts_with(noun)) word = trimmed(word.substr(noun.size()));
  const double share = word.starts_with('%') ? 1e-2 : 1;
  if (share < 1) word = trimmed(word.substr(1));
  for (const std::string_view start : {"per ", "1/", "/"})
    if (word.starts_with(start)) {
      const std::string time(trimmed(std::string_view(word).substr(start.size())));
      static constexpr Spelling own[] = {{"s", "/s"}, {"min", "/min"}, {"h", "/h"}, {"d", "/d"}};
      for (const Spelling& spelling : one_of(own, time)) return {{"", spelling.unit, share}};
      for (const Spelling& spelling : one_of(times, time))
        for (const Spelling& plain : one_of(own, spelling.unit))
          return {{"", plain.unit, share / spelling.factor}};
    }
  return {};
}

std::vector<std::string> names(Dimension due) {
  std::vector<std::string> all;
  std::string_view list = accepted_units(due);
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(' '), list.size());
    all.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return all;
}

/// A letter of a known unit missing, too many or mistaken, but nothing that a prefix's case
/// decides.
std::vector<Spelling> mistyped(std::string_view unit, Dimension due,
                               std::vector<std::string>& kept) {
  if (due == Dimension::rate && !unit.starts_with('/')) return {};
  kept = names(due);
  const std::vector<std::string_view> views(kept.begin(), kept.end());
  const std::string near = nearest_name(unit, views);
  const bool milli = (near == "ms" || near == "MW") && unit[0] != near[0];
  if (near.empty() || milli ||
      (due != Dimension::bytes && unit.size() < 2 && lower(unit) != lower(near)))
    return {};
  for (const std::string_view view : views)
    if (view == near) return {{"", view}};
  return {};
}

/// A number as one would write it: 8e9, not 8e+09.
std::string compact(double value) {
  std::string text = format_number(value);
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;
  std::size_t digits = e + 1;
  if (text[digits] == '+') text.erase(digits, 1);
  if (text[digits] == '-') ++digits;
  while (digits + 1 < text.size() && text[digits] == '0') text.erase(digits, 1);
  return text;
}

std::string product(double number, double factor, std::string_view unit) {
  // As written where a power of ten follows (405e9), by the inverse where that is whole (50 % is
  // 0.5).
  const std::string text = compact(number);
  const std::string ten = compact(factor);
  if (ten.starts_with("1e") && text.find('e') == std::string::npos && unit.empty())
    return text + ten.substr(1);
  const double inverse = std::round(1 / factor);
  const bool divides = factor < 1 && std::fabs(inverse * factor - 1) < 1e-12;
  return compact(divides ? number / inverse : number * factor) + std::string(unit);
}

class Candidates {
 public:
  explicit Candidates(Dimension due) : due_(due) {}

  void add(const std::string& text) {
    const std::optional<double> value = quantity_in(text, due_);
    if (!value || !(*value >= 0)) return;
    if (std::find(texts_.begin(), texts_.end(), text) == texts_.end()) texts_.push_back(text);
  }
  void add(double number, std::span<const Spelling> spellings) {
    for (const Spelling& spelling : spellings) add(product(number, spelling.factor, spelling.unit));
  }
  bool empty() const { return texts_.empty(); }
  std::vector<std::string> take() {
    return texts_.size() <= 2 ? texts_ : std::vector<std::string>{};
  }

 private:
  Dimension due_;
  std::vector<std::string> texts_;
};

void add_bare(double number, std::string_view unit, Candidates& found) {
  std::string_view magnitude = unit;
  std::string word = lower(unit);
  for (const std::string_view noun : nouns)
    if (word == noun || (word.ends_with(noun) && word.size() > noun.size() &&
                         (word[word.size() - noun.size() - 1] == ' '))) {
      magnitude = trimmed(unit.substr(0, unit.size() - noun.size()));
      word = lower(magnitude);
      break;
    }
  if (magnitude.empty()) return found.add(compact(number));
  if (word == "k") {  // a thousand chips, but 8k tokens of a sequence are 8192
    found.add(compact(number * 1000));
    found.add(compact(number * 1024));
  }
  if (magnitude == "M") found.add(product(number, 1e6, ""));
  found.add(number, one_of(magnitudes, word));
}

void add_readings(double number, bool fraction, std::string_view unit, Dimension due,
                  Candidates& found) {
  const std::string word = lower(unit);
  if (unit.empty() || unit[0] < '0' || unit[0] > '9')
    found.add(compact(number) + std::string(unit));  // the number alone was misread
  if (!found.empty()) return;
  switch (due) {
    case Dimension::none:
      return add_bare(number, unit, found);
    case Dimension::time:
      if (unit != "M") found.add(number, one_of(times, word));
      break;
    case Dimension::power:
      found.add(number, one_of(powers, word));
      break;
    case Dimension::energy:
      found.add(number, one_of(energies, word));
      break;
    case Dimension::power_ramp:
      found.add(number, one_of(ramps, word));
      break;
    case Dimension::steps:
      found.add(number, one_of(steps, word));
      break;
    case Dimension::bytes:
    case Dimension::bandwidth:
      for (const std::string& name : sizes(unit, due == Dimension::bytes ? "" : "/s"))
        found.add(compact(number) + name);
      break;
    case Dimension::flop_rate:
      // So many FLOP/s no chip has: what is meant are the tera of its datasheet.
      if (unit.empty() && number >= 1 && number < 1e5) found.add(compact(number) + "TFLOP/s");
      found.add(number, flop_rates(unit));
      break;
    case Dimension::rate: {
      if (fraction) found.add(number, rates("/" + std::string(unit)));  // 1/30d
      found.add(number, rates(unit));
      if (!found.empty() || fraction || !(number > 0)) break;
      // The time between events.
      std::vector<Spelling> between = one_of(times, word);
      for (const std::string_view own : {"s", "min", "h", "d"})
        if (unit == own) between = {{"", own}};
      for (const Spelling& time : between)
        found.add(compact(1 / (number * time.factor)) + "/" + std::string(time.unit));
      break;
    }
  }
  std::vector<std::string> kept;
  if (found.empty()) found.add(number, mistyped(unit, due, kept));
}

}  // namespace

std::vector<std::string> meant_quantities(std::string_view text, Dimension due) {
  if (text.size() > longest) return {};
  const std::string plain = plain_letters(text);
  std::string_view all = trimmed(plain);
  while (!all.empty() && std::string_view("~+=\"'(").find(all.front()) != std::string_view::npos)
    all.remove_prefix(1);
  while (!all.empty() && std::string_view(",;.\"')").find(all.back()) != std::string_view::npos)
    all.remove_suffix(1);
  Candidates found(due);
  for (const std::string_view nothing : {"none", "off", "no", "zero", "disabled", "0"})
    if (lower(all) == nothing) found.add(format_canonical(0, due));
  for (const WrittenNumber& number : written_numbers(trimmed(all)))
    add_readings(number.value, number.fraction, trimmed(number.rest), due, found);
  return found.take();
}

}  // namespace lockstep
