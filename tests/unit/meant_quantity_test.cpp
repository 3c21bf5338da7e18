#include "engine/base/text/meant_quantity.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

/// A way to write a number, and the number.
struct Number {
  std::string text;
  double value;
};

/// What the parts of a number are worth is known here, not read back from its text.
std::vector<Number> numbers() {
  std::vector<Number> all;
  const auto grouped = [](std::int64_t value, const std::string& separator) {
    std::string digits = std::to_string(value);
    for (auto i = static_cast<std::int64_t>(digits.size()) - 3; i > 0; i -= 3)
      digits.insert(static_cast<std::size_t>(i), separator);
    return digits;
  };
  for (const std::int64_t value : {1234567L, 8000000000L, 16384000L, 405000000000L})
    for (const char* separator : {",", "_", "'", " ", "."})
      all.push_back({grouped(value, separator), static_cast<double>(value)});
  for (const std::int64_t value : {16384, 1024})
    for (const char* separator : {"_", "'", " "})
      all.push_back({grouped(value, separator), static_cast<double>(value)});
  for (const auto& [top, bottom] : {std::pair{1, 1000}, std::pair{1, 3}, std::pair{5, 8}})
    for (const char* line : {"/", " / "})
      all.push_back({fmt::format("{}{}{}", top, line, bottom),
                     static_cast<double>(top) / static_cast<double>(bottom)});
  all.insert(all.end(), {{"2^20", 1048576},
                         {"2**10", 1024},
                         {"10^9", 1e9},
                         {"1.5x10^9", 1.5e9},
                         {"1.5 * 10^9", 1.5e9},
                         {"8*1024", 8192},
                         {"1,5", 1.5},
                         {"0,25", 0.25},
                         {"+5", 5},
                         {"~5", 5},
                         {"1.234.567,5", 1234567.5},
                         {"1,234,567.5", 1234567.5},
                         {"\uFF15", 5},
                         {"\uFF11\uFF16", 16}});
  return all;
}

/// A way to write a unit, and how many SI units it is.
struct Spelt {
  Dimension due;
  std::string text;
  double si;
};

std::vector<Spelt> spelt_units() {
  constexpr double day = 86400;
  std::vector<Spelt> all;
  const auto add = [&](Dimension due, double si, std::initializer_list<const char*> names) {
    for (const char* name : names) all.push_back({due, name, si});
  };
  add(Dimension::time, 1, {"sec", "secs", "second", "seconds", "S"});
  add(Dimension::time, 1e-3, {"msec", "millisecond", "milliseconds"});
  add(Dimension::time, 1e-6, {"usec", "microseconds", "\u00b5s", "\u03bcs", "Us"});
  add(Dimension::time, 1e-9, {"nsec", "nanoseconds", "NS"});
  add(Dimension::time, 60, {"m", "mins", "minute", "minutes", "Min"});
  add(Dimension::time, 3600, {"hr", "hrs", "hour", "hours", "H", "Hours"});
  add(Dimension::time, day, {"day", "days", "D", "Days"});
  add(Dimension::time, 7 * day, {"week", "weeks"});
  add(Dimension::bytes, 1e9, {"gb", "GBytes", "gigabytes", "Gbyte", "G"});
  add(Dimension::bytes, 1024.0 * 1024 * 1024, {"Gib", "Gi", "GIB"});
  add(Dimension::bytes, 1e6, {"mb", "megabyte", "M"});
  add(Dimension::bytes, 1e3, {"KB", "kb", "kilobytes"});
  add(Dimension::bandwidth, 1e9, {"GBps", "GB/sec", "GBytes/s", "GB", "Gbyte/s"});
  add(Dimension::bandwidth, 1e9 / 8, {"Gb/s", "Gbps", "gbps", "Gbits/s", "GBit/s", "gigabit/s"});
  add(Dimension::bandwidth, 1e6 / 8, {"Mb/s", "Mbps", "Mbit"});
  add(Dimension::power, 1, {"watt", "watts", "w"});
  add(Dimension::power, 1e3, {"kw", "KW", "kilowatts"});
  add(Dimension::power, 1e9, {"GW"});
  add(Dimension::power_ramp, 1e3, {"kW", "KW/s", "W/ms", "kW/sec"});
  add(Dimension::rate, 1 / day, {"/day", " per day", "/days", " 1/d", " failures/day"});
  add(Dimension::rate, 1.0 / 3600, {"/hour", " per hour", "/hr"});
  add(Dimension::rate, 1, {"/sec", "Hz", " per second"});
  add(Dimension::rate, 1 / (7 * day), {"/week", " per week"});
  add(Dimension::rate, 0.01 / day, {"%/d", " % per day"});
  add(Dimension::steps, 1, {"steps", "iterations", "iters", " Steps"});
  add(Dimension::flop_rate, 1e12, {"tflops", "TF", " TFLOP", "Tflop/s", "teraflops", "T"});
  add(Dimension::flop_rate, 1e15, {"PF", "petaflop/s", "pflops"});
  add(Dimension::none, 1e9, {"B", "b", "bn", " billion", "G", "B params", "B parameters"});
  add(Dimension::none, 1e6, {"M", " million", "M tokens"});
  add(Dimension::none, 1e12, {"T", " trillion"});
  add(Dimension::none, 0.01, {"%", " %", " percent"});
  add(Dimension::none, 1, {"x", " tokens", " layers", ",", ";"});
  return all;
}

bool same(double a, double b) {
  return std::fabs(a - b) <= 4e-16 * std::fabs(b);
}

/// Every hint can be read, and one of them is what was meant; returns how many there are.
std::size_t check(const std::string& text, Dimension due, double meant) {
  EXPECT_THROW(parse_quantity(text, due), InputError) << text;
  const std::vector<std::string> hints = meant_quantities(text, due);
  EXPECT_LE(hints.size(), 2u) << text;
  bool found = false;
  for (const std::string& hint : hints) {
    double value = -1;
    EXPECT_NO_THROW(value = parse_quantity(hint, due)) << text << " -> " << hint;
    found = found || same(value, meant);
    EXPECT_TRUE(hints.size() == 2 || found) << text << " -> " << hint;
  }
  EXPECT_TRUE(hints.empty() || found) << text;
  return hints.size();
}

TEST(MeantQuantity, NumbersAreReadAsTheyAreMeant) {
  for (const Number& number : numbers())
    EXPECT_EQ(check(number.text, Dimension::none, number.value), 1u) << number.text;
}

TEST(MeantQuantity, UnitsAreReadAsTheyAreMeant) {
  std::size_t hinted = 0, cases = 0;
  for (const Spelt& unit : spelt_units())
    for (const double number : {1.0, 2.5, 30.0, 400.0, 0.125}) {
      ++cases;
      for (const char* blank : {"", " "}) {
        const std::string text = format_number(number) + blank + unit.text;
        const bool clear = check(text, unit.due, number * unit.si) > 0;
        EXPECT_TRUE(clear) << text;
        hinted += clear;
      }
    }
  EXPECT_GT(cases, 400u);
  EXPECT_EQ(hinted, 2 * cases);
}

TEST(MeantQuantity, NumbersAndUnitsGoTogether) {
  std::size_t cases = 0, clear = 0;
  for (const Number& number : numbers())
    for (const Spelt& unit : spelt_units()) {
      if (number.text.find('/') != std::string::npos && unit.due == Dimension::rate) continue;
      ++cases;
      clear += check(number.text + unit.text, unit.due, number.value * unit.si) == 1;
    }
  EXPECT_GT(cases, 4000u);
  EXPECT_GT(clear, cases * 9 / 10);
}

TEST(MeantQuantity, BitsAndBytesAndThousandsAreNotGuessed) {
  struct Case {
    const char* text;
    Dimension due;
    std::vector<std::string> hints;
  };
  const Case table[] = {
      {"80Gb", Dimension::bytes, {"80GB", "80Gbit"}},
      {"50gb/s", Dimension::bandwidth, {"50GB/s", "50Gbit/s"}},
      {"50GBPS", Dimension::bandwidth, {"50GB/s", "50Gbit/s"}},
      {"400G", Dimension::bandwidth, {"400GB/s", "400Gbit/s"}},
      {"16k", Dimension::none, {"16000", "16384"}},
      {"1,500", Dimension::none, {"1500", "1.5"}},
      {"8,000", Dimension::none, {"8000"}},
      {"5mW", Dimension::power, {}},
      {"5MS", Dimension::time, {}},
      {"5M", Dimension::time, {}},
      {"1 month", Dimension::time, {}},
      {"1.5m", Dimension::none, {}},
      {"0x10", Dimension::none, {}},
      {"3s", Dimension::none, {}},
      {"3", Dimension::time, {}},
      {"-5usec", Dimension::time, {}},
      {"-5%", Dimension::none, {}},
      {"nan", Dimension::none, {}},
      {"1..8", Dimension::none, {}},
      {"1-8", Dimension::none, {}},
      {"12,34,567", Dimension::none, {}},
      {"off", Dimension::time, {"0s"}},
      {"0", Dimension::rate, {"0/s"}},
      {"1979", Dimension::flop_rate, {"1979TFLOP/s"}},
      {"1/30d", Dimension::rate, {"0.03333333333333333/d"}},
      {"50000h", Dimension::rate, {"2e-5/h"}},  // the time between failures
  };
  for (const Case& c : table) EXPECT_EQ(meant_quantities(c.text, c.due), c.hints) << c.text;
}

}  // namespace
}  // namespace lockstep
