#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "engine/base/distribution.hpp"
#include "engine/base/error.hpp"
#include "tests/unit/csv_folder.hpp"

namespace lockstep {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(Distribution, EqualLawsHaveEqualText) {
  const std::pair<const char*, const char*> pairs[] = {
      {"5us", "constant(value=0.005 ms)"},
      {"exponential(1ms)", " exponential( mean = 1000us ) "},
      {"0s", "none"},
      {"exponential(mean=0s)", "none"},
      {"gamma(mean=0s, shape=2)", "none"},
      {"lognormal(median=5us, sigma=0)", "5us"},
      {"normal(mean=5us, sd=0s)", "5us"},
      {"mixture(1: 5us, 2: 5us)", "5us"},
      {"mixture(1: 5us, 0: 6us, 3: 7us)", "mixture(1: 5us, 3: 7us)"},
      {"empirical(delays.csv)", "empirical(./delays.csv)"},
      {"empirical(delays.csv)", "empirical(dressed.csv)"},
      {"uncertain(5us)", "5us"},
      {"uncertain(none)", "none"},
      {"uncertain(uniform(low=1us, high=2us))", " uncertain ( uniform(high=2us, low=1000ns) )"},
      {"exponential(uncertain(uniform(low=1us, high=2us)))",
       "exponential(mean=uncertain(uniform(low=1us, high=2us)))"},
      {"exponential(mean=uncertain(constant(2us)))", "exponential(2us)"},
      {"mixture(1: 5us, 0: 6us, 3: uncertain(exponential(7us)))",
       "mixture(1: 5us, 3: uncertain(exponential(mean=7us)))"},
  };
  for (const auto& [a, b] : pairs) {
    EXPECT_EQ(Distribution::parse(a, Dimension::time, csv_folder()).text(),
              Distribution::parse(b, Dimension::time, csv_folder()).text());
  }
  EXPECT_TRUE(Distribution().is_none());
  EXPECT_TRUE(Distribution().is_constant());
  EXPECT_EQ(Distribution(2).text(), "constant(value=2)");
  EXPECT_TRUE(Distribution(0).is_none());
  EXPECT_FALSE(Distribution(2).is_none());
  EXPECT_FALSE(Distribution::parse("exponential(1s)", Dimension::time).is_constant());
}

TEST(Distribution, BadInputIsNamed) {
  struct Bad {
    const char* text;
    const char* part;  ///< of the message
  };
  const Bad table[] = {
      {"", "is empty"},
      {"5", "has no unit"},
      {"0", "has no unit"},
      {"-5us", "is negative"},
      {"nan", "is not a distribution"},
      {"exponental(mean=1ms)", "did you mean exponential?"},
      {"wibble(1ms)", "known: none uncertain constant uniform"},
      {"exponential", "has no arguments"},
      {"exponential(mean=1ms", "unclosed parenthesis"},
      {"exponential(mean=1ms) + 1", "goes on after"},
      {"exponential()", "'mean' is missing"},
      {"exponential(mean=)", "is empty"},
      {"exponential(maen=1ms)", "did you mean mean?"},
      {"exponential(mean=1ms, mean=2ms)", "given twice"},
      {"exponential(mean=1)", "mean: '1' has no unit"},
      {"exponential(mean=-1ms)", "mean=-1ms is out of range (allowed: >= 0s)"},
      {"exponential(mean=nan)", "is not a number"},
      {"exponential(mean=inf)", "is not a number"},
      {"exponential(mean=1e400s)", "out of range"},
      {"exponential(mean=uniform(low=1s, high=2s))", "laws do not nest"},
      {"normal(1ms, 2ms)", "has no name"},
      {"normal(mean=1ms)", "'sd' is missing"},
      {"uniform(low=2s, high=1s)", "low < high is due"},
      {"uniform(low=1s, high=1s)", "low < high is due"},
      {"lognormal(median=1s, mean=1s, sigma=1)", "exclude each other"},
      {"lognormal(median=1s, sigma=1s)", "is not a bare number"},
      {"lognormal(median=1s, sigma=-1)", "allowed: >= 0"},
      {"lognormal(median=1s, sigma=100)", "beyond the largest number"},
      {"lognormal(mean=1s, sigma=60)", "cannot be sampled"},
      {"gamma(mean=1s, shape=0)", "allowed: > 0"},
      {"gamma(mean=1s, shape=1e-300)", "cannot be sampled"},
      {"weibull(scale=1s, shape=0.001)", "beyond the largest number"},
      {"pareto(minimum=1s, shape=0.01)", "beyond the largest number"},
      {"mixture()", "has no parts"},
      {"mixture(0: 1s)", "has no parts"},
      {"mixture(1s)", "has no weight"},
      {"mixture(-1: 1s)", "is negative"},
      {"mixture(x: 1s)", "weight 'x' is not a number"},
      {"mixture(1: mixture(1: 1s))", "laws do not nest"},
      {"mixture(1: exponential(2))", "has no unit"},
      {"empirical()", "names no file"},
      {"empirical(absent.csv)", "cannot be read"},
      {"empirical(no_unit.csv)", "no_unit.csv:1: '3' is not a unit"},
      {"empirical(words.csv)", "words.csv:3: "},
      {"empirical(negative.csv)", "negative.csv:3: '-1' is negative"},
      {"empirical(empty.csv)", "has no values"},
      {"empirical(spelt.csv)",
       "spelt.csv:1: 'usec' is not a unit (the first line names the unit of "
       "all values) did you mean us?"},
      {"empirical(columns.csv)", "columns.csv:2: 2 values (one a line is due)"},
      {"exponental(mean=1ms)", "did you mean exponential?"},
      {"gaussian(mean=1ms, sd=1ms)", "did you mean normal?"},
      {"normal(mean=1ms, sigma=1ms)", "did you mean sd?"},
      {"exponential(mean=uniform(low=1s, high=2s))",
       "or mean=uncertain(uniform(low=1s, high=2s)) for one draw a trial"},
      {"uncertain", "has no law"},
      {"uncertain()", "is empty"},
      {"uncertain(1)", "has no unit"},
      {"uncertain(uncertain(uniform(low=1s, high=2s)))", "uncertain twice"},
      {"uncertain(exponential(mean=uncertain(uniform(low=1s, high=2s))))", "uncertain twice"},
      {"uncertain(pareto(minimum=1s, shape=0.9))", "has no finite mean"},
      {"uniform(low=uncertain(uniform(low=1s, high=3s)), high=2s)", "low < high is due"},
      {"gamma(mean=1ms, shape=uncertain(0))", "shape=uncertain(0) is out of range (allowed: > 0)"},
      {"lognormal(median=1s, sigma=uncertain(uniform(low=1s, high=2s)))", "is not a bare number"},
      {"mixture(1: mixture(1: uncertain(1s)))", "laws do not nest"},
  };
  for (const Bad& bad : table) {
    try {
      Distribution::parse(bad.text, Dimension::time, csv_folder());
      ADD_FAILURE() << bad.text << " was accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(bad.part)) << bad.text;
    }
  }
}

// A law with uncertain parts is, at what is drawn of them, the law with these written down.
TEST(Distribution, UncertainPartsAreDrawnLater) {
  struct Case {
    const char* text;
    std::vector<std::pair<std::string, std::uint32_t>> parts;  ///< names and places
    std::vector<double> drawn;
    const char* then;
    const char* at_means;
  };
  const Case table[] = {
      {"uncertain(uniform(low=1ms, high=3ms))", {{"", 0}}, {1.5e-3}, "1.5ms", "2ms"},
      {"exponential(mean=uncertain(uniform(low=1ms, high=3ms)))",
       {{"mean", 1}},
       {1.5e-3},
       "exponential(mean=1.5ms)",
       "exponential(mean=2ms)"},
      {"lognormal(median=5us, sigma=uncertain(uniform(low=0.25, high=0.75)))",
       {{"sigma", 2}},
       {0.25},
       "lognormal(median=5us, sigma=0.25)",
       "lognormal(median=5us, sigma=0.5)"},
      {"lognormal(sigma=uncertain(uniform(low=0.25, high=0.75)), mean=uncertain(uniform(low=1s, "
       "high=3s)))",
       {{"mean", 1}, {"sigma", 2}},
       {1, 0.25},
       "lognormal(mean=1s, sigma=0.25)",
       "lognormal(mean=2s, sigma=0.5)"},
      {"mixture(3: exponential(mean=uncertain(uniform(low=1ms, high=3ms))), 1: "
       "uncertain(uniform(low=4s, high=6s)))",
       {{"1.mean", 17}, {"2", 32}},
       {1.5e-3, 4},
       "mixture(3: exponential(mean=1.5ms), 1: 4s)",
       "mixture(3: exponential(mean=2ms), 1: 5s)"},
  };
  for (const Case& c : table) {
    SCOPED_TRACE(c.text);
    const Distribution law = Distribution::parse(c.text, Dimension::time);
    ASSERT_EQ(law.uncertain_parts().size(), c.parts.size());
    for (std::size_t i = 0; i < c.parts.size(); ++i) {
      EXPECT_EQ(law.uncertain_parts()[i].name, c.parts[i].first);
      EXPECT_EQ(law.uncertain_parts()[i].place, c.parts[i].second);
    }
    EXPECT_EQ(law.corners().size(), std::size_t{1} << c.parts.size());
    EXPECT_EQ(Distribution::parse(law.text(), Dimension::time).text(), law.text());
    const Distribution then = Distribution::parse(c.then, Dimension::time);
    const Distribution at_means = Distribution::parse(c.at_means, Dimension::time);
    for (const double u : {0x1p-53, 0.1, 0.5, 0.9, 1 - 0x1p-53}) {
      EXPECT_EQ(law.at(c.drawn).sample(u), then.sample(u));
      EXPECT_EQ(law.at(c.drawn).quantile(u), then.quantile(u));
      EXPECT_DOUBLE_EQ(law.quantile(u), at_means.quantile(u));
    }
  }
  EXPECT_TRUE(Distribution::parse("uncertain(5us)", Dimension::time).uncertain_parts().empty());
}

TEST(Distribution, ExtremeLegalArgumentsEnd) {
  for (const char* text :
       {"gamma(mean=1s, shape=1e300)", "gamma(mean=1s, shape=1e7)", "gamma(mean=1s, shape=0.01)",
        "normal(mean=1s, sd=1e-300s)", "weibull(scale=1s, shape=1e300)",
        "pareto(minimum=1s, shape=1e300)", "normal(mean=0s, sd=1e300s)",
        "uniform(low=0s, high=1e300s)", "lognormal(median=1e-300s, sigma=40)"}) {
    const Distribution law = Distribution::parse(text, Dimension::time);
    for (const double u : {0x1p-53, 0.5, 1 - 0x1p-53}) {
      EXPECT_GE(law.sample(u), 0.0) << text;
      EXPECT_LT(law.sample(u), infinity) << text;
    }
  }
}

}  // namespace
}  // namespace lockstep
