#include "engine/base/text/quantity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <sstream>

#include "engine/base/error.hpp"
#include "tests/unit/any_purpose.hpp"

namespace lockstep {
namespace {

constexpr Dimension dimensions[] = {Dimension::none,      Dimension::time,  Dimension::bytes,
                                    Dimension::bandwidth, Dimension::power, Dimension::energy,
                                    Dimension::rate,      Dimension::steps, Dimension::flop_rate,
                                    Dimension::power_ramp};

TEST(Quantity, ReadsEveryUnit) {
  struct Case {
    const char* text;
    Dimension dimension;
    double si;
  };
  const Case table[] = {
      {"405e9", Dimension::none, 405e9},
      {" 0.25 ", Dimension::none, 0.25},
      {".5", Dimension::none, 0.5},
      {"1ns", Dimension::time, 1e-9},
      {"5us", Dimension::time, 5e-6},
      {"5 us", Dimension::time, 5e-6},
      {"7ms", Dimension::time, 7e-3},
      {"3s", Dimension::time, 3},
      {"2min", Dimension::time, 120},
      {"2h", Dimension::time, 7200},
      {"2d", Dimension::time, 172800},
      {"-3s", Dimension::time, -3},
      {"0s", Dimension::time, 0},
      {"7B", Dimension::bytes, 7},
      {"7kB", Dimension::bytes, 7e3},
      {"7MB", Dimension::bytes, 7e6},
      {"7GB", Dimension::bytes, 7e9},
      {"7TB", Dimension::bytes, 7e12},
      {"7KiB", Dimension::bytes, 7.0 * 1024},
      {"7MiB", Dimension::bytes, 7.0 * 1024 * 1024},
      {"7GiB", Dimension::bytes, 7.0 * 1024 * 1024 * 1024},
      {"7TiB", Dimension::bytes, 7.0 * 1024 * 1024 * 1024 * 1024},
      {"16bit", Dimension::bytes, 2},
      {"8kbit", Dimension::bytes, 1e3},
      {"8Mbit", Dimension::bytes, 1e6},
      {"8Gbit", Dimension::bytes, 1e9},
      {"8Tbit", Dimension::bytes, 1e12},
      {"7B/s", Dimension::bandwidth, 7},
      {"7kB/s", Dimension::bandwidth, 7e3},
      {"7MB/s", Dimension::bandwidth, 7e6},
      {"7GB/s", Dimension::bandwidth, 7e9},
      {"7TB/s", Dimension::bandwidth, 7e12},
      {"1KiB/s", Dimension::bandwidth, 1024},
      {"1MiB/s", Dimension::bandwidth, 1048576},
      {"50 GiB/s", Dimension::bandwidth, 53687091200.0},
      {"1TiB/s", Dimension::bandwidth, 1099511627776.0},
      {"8bit/s", Dimension::bandwidth, 1},
      {"8kbit/s", Dimension::bandwidth, 1e3},
      {"8Mbit/s", Dimension::bandwidth, 1e6},
      {"400Gbit/s", Dimension::bandwidth, 50e9},
      {"8Tbit/s", Dimension::bandwidth, 1e12},
      {"700W", Dimension::power, 700},
      {"1.2kW", Dimension::power, 1200},
      {"150MW", Dimension::power, 150e6},
      {"5J", Dimension::energy, 5},
      {"5W/s", Dimension::power_ramp, 5},
      {"5kW/s", Dimension::power_ramp, 5e3},
      {"5MW/s", Dimension::power_ramp, 5e6},
      {"2/s", Dimension::rate, 2},
      {"3/min", Dimension::rate, 3.0 / 60},
      {"3/h", Dimension::rate, 3.0 / 3600},
      {"6.5e-3/d", Dimension::rate, 6.5e-3 / 86400},
      {"50step", Dimension::steps, 50},
      {"5FLOP/s", Dimension::flop_rate, 5},
      {"989.4TFLOP/s", Dimension::flop_rate, 989.4e12},
      {"7GFLOP/s", Dimension::flop_rate, 7e9},
      {"2PFLOP/s", Dimension::flop_rate, 2e15},
      {"7GFLOPS", Dimension::flop_rate, 7e9},
      {"1979 TFLOPS", Dimension::flop_rate, 1979e12},
      {"2PFLOPS", Dimension::flop_rate, 2e15},
      {"7GFLOPs", Dimension::flop_rate, 7e9},
      {"1979TFLOPs", Dimension::flop_rate, 1979e12},
      {"2PFLOPs", Dimension::flop_rate, 2e15},
      {"989.4e12", Dimension::flop_rate, 989.4e12},
      {"1e9", Dimension::flop_rate, 1e9},
  };
  std::size_t units = 0;
  for (const Case& c : table) {
    EXPECT_EQ(parse_quantity(c.text, c.dimension), c.si) << c.text;
    ++units;
  }
  EXPECT_EQ(units, std::size(table));
  // Every unit that messages offer is in the table above, once read here from the list itself.
  for (const Dimension dimension : dimensions) {
    std::istringstream list{std::string(accepted_units(dimension))};
    for (std::string unit; list >> unit;) {
      EXPECT_GT(parse_quantity("1" + unit, dimension), 0) << unit;
      const auto has_unit = [&](const Case& c) {
        const std::string text = c.text;
        return c.dimension == dimension && text.ends_with(unit) &&
               !std::isalpha(static_cast<unsigned char>(text[text.size() - unit.size() - 1]));
      };
      EXPECT_TRUE(std::any_of(std::begin(table), std::end(table), has_unit)) << unit;
    }
  }
}

TEST(Quantity, EightBitsAreAByte) {
  EXPECT_EQ(parse_quantity("3.2Tbit/s", Dimension::bandwidth),
            parse_quantity("400GB/s", Dimension::bandwidth));
}

TEST(Quantity, RefusesWhatItCannotRead) {
  struct Bad {
    const char* text;
    Dimension dimension;
    const char* part;
  };
  const Bad table[] = {
      {"3", Dimension::time,
       "'3' has no unit (a time is due) write one of these behind it: ns us ms s min h d"},
      {"0", Dimension::bytes, "'0' has no unit (a size is due) did you mean 0B? units: B kB"},
      {"3s", Dimension::none, "'3s' is not a bare number ('s' follows it and no unit is due)"},
      {"70B", Dimension::none, "no unit is due) did you mean 70e9?"},
      {"1%", Dimension::none, "no unit is due) did you mean 0.01?"},
      {"3 4", Dimension::none, "is not a bare number"},
      {"3GB", Dimension::time, "'GB' is a size's; a time is due"},
      {"3GB", Dimension::bandwidth, "a bandwidth is due"},
      {"3KB", Dimension::bytes, "did you mean 3kB?"},
      {"3sec", Dimension::time, "did you mean 3s?"},
      {"3mins", Dimension::time, "did you mean 3min?"},
      {"3m", Dimension::time, "did you mean 3min?"},
      {"400Gb/s", Dimension::bandwidth, "did you mean 400Gbit/s?"},
      {"400Gbps", Dimension::bandwidth, "did you mean 400Gbit/s?"},
      {"3GBps", Dimension::bandwidth, "did you mean 3GB/s?"},
      {"3us4", Dimension::time, "unknown unit"},
      {"", Dimension::time, "is empty"},
      {"  ", Dimension::none, "is empty"},
      {"us", Dimension::time, "is not a number"},
      {"nan", Dimension::none, "is not a number"},
      {"inf", Dimension::none, "is not a number"},
      {"-inf s", Dimension::time, "is not a number"},
      {"+3s", Dimension::time, "is not a number"},
      {"--3", Dimension::none, "is not a number"},
      {"0x10", Dimension::none, "is not a bare number"},
      {"1,5s", Dimension::time, "did you mean 1.5s?"},
      {"8,000,000,000", Dimension::none, "did you mean 8e9?"},
      {"989.4", Dimension::flop_rate,
       "'989.4' has no unit (a rate of FLOPs is due) did you mean 989.4TFLOP/s?"},
      {"999999999", Dimension::flop_rate, "has no unit"},
      {"1e400", Dimension::none, "is out of range"},
      {"1e308d", Dimension::time, "is too large"},
  };
  for (const Bad& bad : table) {
    try {
      parse_quantity(bad.text, bad.dimension);
      ADD_FAILURE() << "'" << bad.text << "' was accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(bad.part));
    }
  }
}

TEST(Quantity, FormatsInTheUnitOfAReader) {
  struct Case {
    double si;
    Dimension dimension;
    const char* text;
  };
  const Case table[] = {
      {5e-6, Dimension::time, "5us"},
      {0, Dimension::time, "0s"},
      {1.5e-3, Dimension::time, "1.5ms"},
      {1, Dimension::time, "1s"},
      {90, Dimension::time, "90s"},
      {100, Dimension::time, "100s"},
      {3600, Dimension::time, "1h"},
      {86400, Dimension::time, "1d"},
      {1e-10, Dimension::time, "0.1ns"},
      {-5e-6, Dimension::time, "-5us"},
      {53687091200.0, Dimension::bandwidth, "53.6870912GB/s"},
      {50e9, Dimension::bandwidth, "50GB/s"},
      {80.0 * 1024 * 1024 * 1024, Dimension::bytes, "80GiB"},
      {80e9, Dimension::bytes, "80GB"},
      {4096, Dimension::bytes, "4KiB"},
      {6.5e-3 / 86400, Dimension::rate, "0.0065/d"},
      {0.5, Dimension::rate, "30/min"},
      {700, Dimension::power, "700W"},
      {150e6, Dimension::power, "150MW"},
      {50, Dimension::steps, "50step"},
      {405e9, Dimension::none, "4.05e+11"},
      {0.25, Dimension::none, "0.25"},
  };
  for (const Case& c : table) EXPECT_EQ(format_quantity(c.si, c.dimension), c.text);
}

TEST(Quantity, IsRoundedWhereNobodyWroteIt) {
  EXPECT_EQ(format_rounded(138.1173395730472, Dimension::time), "138.1s");
  EXPECT_EQ(format_rounded(0.01429420918220668, Dimension::time), "14.29ms");
  EXPECT_EQ(format_rounded(17190932365, Dimension::time), "1.99e+05d");
  EXPECT_EQ(format_rounded(70e9, Dimension::bytes), "70GB");
  EXPECT_EQ(format_rounded(0.5266, Dimension::time), "526.6ms");
  EXPECT_EQ(format_rounded(3e-12, Dimension::time), "0.003ns");
}

TEST(Quantity, TextReadsBackAsTheSameNumber) {
  const Stream stream{.seed = 3, .purpose = any_purpose, .trial = 0};
  std::size_t read = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const PhiloxBlock b = stream.block(i, 0);
    // Any bit pattern, and ordinary magnitudes.
    double value = std::bit_cast<double>((std::uint64_t{b.word[0]} << 32) | b.word[1]);
    if (i % 2 == 0) value = std::ldexp(open_uniform(b.word[0], b.word[1]), b.word[2] % 80 - 40);
    // Below the least normal number from_chars has nothing to read.
    if (!std::isfinite(value) || std::fabs(value) < 2.3e-308) continue;
    EXPECT_EQ(parse_quantity(format_number(value), Dimension::none), value);
    for (const Dimension dimension : dimensions) {
      EXPECT_EQ(parse_quantity(format_quantity(value, dimension), dimension), value);
      EXPECT_EQ(parse_quantity(format_canonical(value, dimension), dimension), value);
      ++read;
    }
  }
  EXPECT_GT(read, 100000u);
}

TEST(Quantity, CanonicalTextIsInSi) {
  EXPECT_EQ(format_canonical(5e-6, Dimension::time), "5e-06s");
  EXPECT_EQ(format_canonical(0.5, Dimension::rate), "0.5/s");
  EXPECT_EQ(format_canonical(-0.0, Dimension::none), "0");
  EXPECT_EQ(unit_symbol(Dimension::rate), "1/s");
  EXPECT_EQ(unit_symbol(Dimension::none), "1");
  EXPECT_EQ(unit_symbol(Dimension::steps), "step");
  EXPECT_EQ(format_canonical(1e12, Dimension::flop_rate), "1e+12FLOP/s");
}

}  // namespace
}  // namespace lockstep
