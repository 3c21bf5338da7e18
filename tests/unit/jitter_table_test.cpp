// Laws of message jitter tabulated in y: their stated error, their mean, their bounds.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <string>

#include "engine/noise/message_jitter.hpp"
#include "tests/unit/any_purpose.hpp"
#include "tests/unit/csv_folder.hpp"

namespace lockstep {
namespace {

struct TabulatedLaw {
  const char* text;
  double error;  ///< at most; a bound that a coarser table would miss
};

const TabulatedLaw laws[] = {
    {"lognormal(median=5us, sigma=0.3)", 3e-6},
    {"lognormal(mean=5us, sigma=1.5)", 2e-4},
    {"gamma(mean=3us, shape=2.5)", 2e-6},
    {"gamma(mean=1us, shape=0.3)", 1e-5},
    {"weibull(scale=1us, shape=0.5)", 2e-5},
    {"weibull(scale=1us, shape=3)", 2e-6},
    {"uniform(low=1us, high=3us)", 4e-6},
    {"normal(mean=1us, sd=1us)", 3e-6},
    {"pareto(minimum=1us, shape=4)", 2e-4},
    // Jumps, and a corner that is met by straight lines.
    {"mixture(0.99: exponential(mean=1us), 0.01: exponential(mean=100us))", 2e-2},
    {"mixture(0.9: constant(1us), 0.1: constant(10us))", 3},
};

double quantile_at(const Distribution& law, double y) {
  return law.quantile(-std::expm1(-y));
}

/// The largest distance between the table and `law`, as tabulation_error() means it, at 2e5 places
/// of its own.
double distance(const MessageJitter& jitter, const Distribution& law) {
  const Stream stream{.seed = 1, .purpose = any_purpose, .trial = 0};
  double largest = 0;
  for (std::uint32_t i = 0; i < 200000; ++i) {
    const auto [place, way] = stream.uniform_pair(i, 0);
    // Half of them even in the logarithm, half as y falls.
    const auto y = static_cast<float>(way < 0.5 ? 0x1p-24 * std::pow(22.18 * 0x1p24, place)
                                                : std::min(-std::log(place), 22.18));
    if (y < 0x1p-24f) continue;
    const double exact = quantile_at(law, static_cast<double>(y));
    largest = std::max(largest, std::fabs(static_cast<double>(jitter.delay(y)) - exact) /
                                    std::max(exact, law.mean()));
  }
  return largest;
}

TEST(JitterTable, KeepsItsStatedError) {
  constexpr double rounding = 1e-6;  // of floats
  for (const auto& [text, error] : laws) {
    SCOPED_TRACE(text);
    const Distribution law = Distribution::parse(text, Dimension::time);
    const MessageJitter jitter(law);
    EXPECT_GT(jitter.tabulation_error(), 0);
    EXPECT_LE(jitter.tabulation_error(), error);
    const double found = distance(jitter, law);
    EXPECT_LE(found, 1.02 * jitter.tabulation_error() + rounding);
    EXPECT_GE(found, 0.5 * jitter.tabulation_error()) << "the stated error is far too large";
  }
  const Distribution law = Distribution::parse("gamma(mean=3us, shape=2.5)", Dimension::time);
  const MessageJitter near(Distribution::parse("gamma(mean=3us, shape=2.501)", Dimension::time));
  EXPECT_GT(distance(near, law), 1.02 * near.tabulation_error() + rounding)
      << "cannot tell another law";
}

/// E[delay] by midpoints in log y, twenty or so in each bin.
double table_mean(const MessageJitter& jitter) {
  constexpr int points = 70000;
  const double low = std::log(0x1p-24), step = (std::log(22.18) - low) / points;
  double sum = 0;
  for (int i = 0; i < points; ++i) {
    const double y = std::exp(low + (i + 0.5) * step);
    sum += static_cast<double>(jitter.delay(static_cast<float>(y))) * std::exp(-y) * y * step;
  }
  return sum;
}

TEST(JitterTable, KeepsTheMeanAndIsNeverNegative) {
  for (const auto& [text, error] : laws) {
    SCOPED_TRACE(text);
    const MessageJitter jitter(Distribution::parse(text, Dimension::time));
    const double mean = jitter.law().mean();
    EXPECT_NEAR(table_mean(jitter), mean, 1e-4 * mean);
    for (double y = 0x1p-24; y < 22.18; y *= 1.0001)
      ASSERT_GE(jitter.delay(static_cast<float>(y)), 0.0f) << y;
  }
  // Measured values, 0 among them: a jump every 3 % or so.
  const std::string folder = csv_folder();
  std::ofstream file(folder + "/jitter.csv");
  file << "us\n";
  for (int i = 0; i < 33; ++i) file << i * i << "\n";
  file.close();
  const MessageJitter measured(
      Distribution::parse("empirical(jitter.csv)", Dimension::time, folder));
  EXPECT_NEAR(table_mean(measured), measured.law().mean(), 1e-4 * measured.law().mean());
  for (double y = 0x1p-24; y < 22.18; y *= 1.0001)
    ASSERT_GE(measured.delay(static_cast<float>(y)), 0.0f) << y;
}

TEST(JitterTable, IsLeftOutWhereTheLawIsExponentialOrConstant) {
  for (const char* text :
       {"exponential(mean=3us)", "gamma(mean=3us, shape=1)", "weibull(scale=3us, shape=1)"}) {
    const MessageJitter jitter(Distribution::parse(text, Dimension::time));
    EXPECT_EQ(jitter.tabulation_error(), 0) << text;
    EXPECT_FLOAT_EQ(jitter.delay(2), 6e-6f) << text;
  }
  const MessageJitter constant(Distribution(3e-6));
  EXPECT_EQ(constant.delay(2), 3e-6f);
  // Beyond the range of a float.
  const MessageJitter endless(Distribution(1e300));
  EXPECT_EQ(endless.delay(2), 1e37f);
}

}  // namespace
}  // namespace lockstep
