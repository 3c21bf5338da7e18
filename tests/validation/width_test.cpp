// Every 95 % interval of engine/statistics is as wide as its method has to be: the mean width over
// studies against what theory says of it. Each case has a negative control: the same interval 1.3
// times as wide is rejected. That none is too narrow is the subject of coverage_test.cpp.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <vector>

#include "engine/statistics/beta.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/paired_difference.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/sensitivity.hpp"
#include "tests/validation/coverage_case.hpp"

namespace lockstep {
namespace {

constexpr double pi = 3.14159265358979323846, z = 1.959963984540054;

double width_of(const Estimate& estimate) {
  return estimate.upper - estimate.lower;
}

/// Mean width over studies, and its standard error.
struct Width {
  double mean, error;
};

Width mean_width(int studies, const std::function<double(std::uint32_t)>& width) {
  double sum = 0, squares = 0;
  for (int study = 0; study < studies; ++study) {
    const double w = width(static_cast<std::uint32_t>(study));
    sum += w;
    squares += w * w;
  }
  const double mean = sum / studies;
  return {mean, std::sqrt((squares / studies - mean * mean) / (studies - 1))};
}

/// Whether `found` is the width `due`, up to `wider` of it (what the theory leaves out: terms of
/// higher order in 1/sqrt(n), named at each case) and five standard errors; below up to 2 %.
bool is_due(const Width& found, double due, double wider) {
  return found.mean > due * 0.98 - 5 * found.error &&
         found.mean < due * (1 + wider) + 5 * found.error;
}

void expect_due(const char* name, const Width& found, double due, double wider) {
  std::printf("%-24s %.4f of its due, standard error %.4f\n", name, found.mean / due,
              found.error / due);
  ASSERT_GT(found.error, 0) << name;
  EXPECT_TRUE(is_due(found, due, wider))
      << name << ": " << found.mean << " +- " << found.error << " for " << due;
  EXPECT_FALSE(is_due({1.3 * found.mean, 1.3 * found.error}, due, wider))
      << name << ": the control passes";
}

const CoverageCase normal_trials{normal, 400, 1, 0};

// Student's interval: 2 t s / sqrt(n), E s = 1 to 1/(4 n). The hull with Hall's limits adds what
// the sample skewness, sqrt(6 / n) in size, shifts on one side: below 1 % here.
TEST(Widths, OfTheMean) {
  expect_due("mean",
             mean_width(200,
                        [](std::uint32_t study) {
                          return width_of(mean_estimate(normal_trials.draw(study, 0, 400).first));
                        }),
             2 * z / 20, 0.01);
}

// Skewed trials: on the side of the tail Hall's limit lies further out by gamma (1 + 2 z^2) / (6
// sqrt(n)) standard errors (eq. 2.2 there, first order), on the other Student's stands.
TEST(Widths, OfTheMeanOfSkewedTrials) {
  const CoverageCase c{exponential, 1000, 1, 0};
  const double skew = 2;
  const double due = (2 * z + skew * (1 + 2 * z * z) / (6 * std::sqrt(1000))) / std::sqrt(1000);
  expect_due("mean, skewed",
             mean_width(200,
                        [&](std::uint32_t study) {
                          return width_of(mean_estimate(c.draw(study, 0, 1000).first));
                        }),
             due, 0.02);
}

/// P(B <= k), summed term by term.
double binomial_sum(std::int64_t k, std::int64_t n, double p) {
  double sum = 0;
  for (std::int64_t i = 0; i <= k; ++i) {
    const auto a = static_cast<double>(i), b = static_cast<double>(n - i);
    sum += std::exp(std::lgamma(a + b + 1) - std::lgamma(a + 1) - std::lgamma(b + 1) +
                    a * std::log(p) + b * std::log1p(-p));
  }
  return sum;
}

// Exact: between the narrowest order statistics of 2.5 % on each side, whose distance has the mean
// sum 1 / i over n - upper < i <= n - lower for exponential values (A. Renyi, 1953).
TEST(Widths, OfQuantiles) {
  const std::int64_t n = 400;
  const CoverageCase c{exponential, n, 1, 0};
  for (double p : {0.5, 0.9}) {
    std::int64_t lower = 0, upper = n;
    while (binomial_sum(lower, n, p) <= 0.025) ++lower;  // P(X(lower) > q) <= 2.5 %
    while (1 - binomial_sum(upper - 1, n, p) <= 0.025) --upper;
    ++upper;
    double due = 0;
    for (std::int64_t i = n - upper + 1; i <= n - lower; ++i) due += 1 / static_cast<double>(i);
    expect_due(p == 0.5 ? "p50" : "p90",
               mean_width(200,
                          [&](std::uint32_t study) {
                            return width_of(PooledSteps(c.draw(study, 0, n).first, 1).quantile(p));
                          }),
               due, 0);
  }
}

/// Part of the variance of a share of steps below the median that steps of a trial have in common.
double median_correlation(double within) {
  return 2 / pi * std::asin(within);
}

// n_eff = n k / (1 + (k - 1) r): 2 z sqrt(1/4 / n_eff) / density. Ranks are rounded outwards by
// less than one of n_eff each, and t stands for z.
TEST(Widths, OfPooledSteps) {
  const CoverageCase c{normal, 400, 10, 0.5};
  const double worth = 400 * 10 / (1 + 9 * median_correlation(0.5));
  const double share = 2 * z * std::sqrt(0.25 / worth);
  expect_due(
      "p50 of pooled steps",
      mean_width(100,
                 [&](std::uint32_t study) {
                   return width_of(PooledSteps(c.draw(study, 0, 400).first, 10).quantile(0.5));
                 }),
      share * std::sqrt(2 * pi), 2 / worth / share + 0.01);
  expect_due("share of pooled steps",
             mean_width(50,
                        [&](std::uint32_t study) {
                          const auto shares =
                              PooledSteps(c.draw(study, 0, 400).first, 10).shares(201, 0);
                          return width_of(shares.below[shares.below.size() / 2]);
                        }),
             share, 1 / worth / share + 0.01);
}

// Clopper and Pearson: the normal limits and half an event on each side, to 1/n (L. D. Brown, T. T.
// Cai, A. DasGupta, Statist. Sci. 16 (2001) 101); Garwood the same. Means over the exact laws.
TEST(Widths, OfSharesAndRates) {
  const std::int64_t n = 1000;
  const double p = 0.2;
  double share = 0, rate = 0;
  for (std::int64_t k = 0; k <= n; ++k) {
    const auto events = static_cast<double>(k);
    share += (binomial_sum(k, n, p) - binomial_sum(k - 1, n, p)) *
             width_of(share_estimate(events, static_cast<double>(n)));
    rate += std::exp(events * std::log(n * p) - n * p - std::lgamma(events + 1)) *
            width_of(rate_estimate(events, static_cast<double>(n)));
  }
  expect_due("share", {share, 1e-12}, 2 * z * std::sqrt(p * (1 - p) / n) + 1. / n, 0.01);
  expect_due("rate", {rate, 1e-12}, 2 * z * std::sqrt(p / n) + 1. / n, 0.01);
}

// A count of rare events has Garwood's interval of their sum, which is 2 z sqrt(m) + 1 wide in
// events, m = 50 of them expected: in 50 of 2,000 trials.
TEST(Widths, OfRareCounts) {
  expect_due("rare counts",
             mean_width(400,
                        [](std::uint32_t study) {
                          const Stream stream{.seed = 79, .purpose = Purpose{200}, .trial = study};
                          std::vector<double> events;
                          for (std::uint64_t t = 0; t < 2000; ++t)
                            events.push_back(stream.uniform(t, 0) < 0.025 ? 1 : 0);
                          return width_of(mean_estimate(events, Support::count()));
                        }),
             (2 * z * std::sqrt(50) + 1) / 2000, 0.03);
}

// x = 10 + a, y = 1.1 (10 + b), correlation of a and b sqrt(0.7).
TEST(Widths, OfPairedDifferences) {
  const double r = std::sqrt(0.7);
  const auto difference = [](std::uint32_t study) {
    const auto [x, y] = normal_trials.draw(study, 0, 400);
    return mean_difference(x, y, 1);
  };
  expect_due(
      "difference of means",
      mean_width(200, [&](std::uint32_t study) { return width_of(difference(study).absolute); }),
      2 * z * std::sqrt((1 + 1.21 - 2.2 * r) / 400), 0.01);
  // Fieller: of y - 1.1 x over the mean of x.
  expect_due(
      "relative difference",
      mean_width(200, [&](std::uint32_t study) { return width_of(difference(study).relative); }),
      2 * z * std::sqrt(1.21 * (2 - 2 * r) / 400) / 10, 0.01);
  // Bahadur's representation of both medians. The bootstrap's percentiles are not symmetric about
  // the value: the hull with their reflection adds half their unlikeness, 16 % here (measured; the
  // theory has no figure for it).
  const std::vector<double> half{0.5};
  const double covariance = 2 * pi * std::asin(r) / (2 * pi);
  const double variance = (1 + 1.21) * pi / 2 - 2.2 * covariance;
  expect_due("difference of medians",
             mean_width(40,
                        [&](std::uint32_t study) {
                          const auto [x, y] = normal_trials.draw(study, 0, 400);
                          return width_of(quantile_differences(x, y, 1, half)[0].absolute);
                        }),
             2 * z * std::sqrt(variance / 400), 0.25);
}

// Without dependence Spearman's coefficient has the variance 1 / (n - 1), for any laws. The share
// of k bins is B / (B + W): normal with the variance of its own spread between studies, which the
// quantile of Student's law of n / k = 40 degrees then multiplies.
TEST(Widths, OfSensitivities) {
  const auto found = [](std::uint32_t study, double slope) {
    const Stream stream{.seed = 80, .purpose = Purpose{200}, .trial = study};
    std::vector<double> x, y;
    for (std::uint64_t t = 0; t < 400; ++t) {
      x.push_back(elementary::normal_quantile(stream.uniform(t, 0)));
      y.push_back(slope * x.back() + elementary::normal_quantile(stream.uniform(t, 1)));
    }
    return sensitivity(x, y);
  };
  expect_due("rank",
             mean_width(200, [&](std::uint32_t study) { return width_of(found(study, 0).rank); }),
             2 * z / std::sqrt(399), 0.01);
  constexpr int studies = 1000;  // the spread is then known to 2.2 %
  double sum = 0, squares = 0;
  const Width width = mean_width(studies, [&](std::uint32_t study) {
    const Estimate share = found(study, 1).share;
    sum += share.value;
    squares += share.value * share.value;
    return width_of(share);
  });
  const double spread = std::sqrt((squares - sum * sum / studies) / (studies - 1));
  expect_due("share explained", width, 2 * 2.021 * spread, 0.1);
}

}  // namespace
}  // namespace lockstep
