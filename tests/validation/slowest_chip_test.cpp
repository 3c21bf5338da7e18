#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::make_point;

/// E[max of n lognormals of mean 1] by another road than the model's: the integral of the tail,
/// E[X] = integral of P(X > x), by the trapezoidal rule in log x with the C library's functions.
double expected_slowest(double n, double sigma) {
  constexpr int intervals = 200000;
  const double low = -12 * sigma, high = 14 * sigma, width = (high - low) / intervals;
  double sum = std::exp(low);  // below it the tail is 1
  for (int i = 0; i <= intervals; ++i) {
    const double y = low + width * i;
    const double z = (y + 0.5 * sigma * sigma) / sigma;
    // 1 - (1 - q)^n without cancellation where q, the tail of one, is small.
    const double q = 0.5 * std::erfc(z / std::sqrt(2.0));
    const double tail = -std::expm1(n * std::log1p(-q));
    sum += (i == 0 || i == intervals ? 0.5 : 1.0) * width * tail * std::exp(y);
  }
  return sum;
}

struct Sample {
  double mean = 0, standard_error = 0, count = 0;
};

/// step_time of independent steps, a step's nominal compute being 1 s.
Sample simulated_slowest(int chips, double sigma) {
  const auto point =
      make_point(fmt::format("fleet.chips=H100:{}\nnoise.step_jitter={}\n", chips, sigma) +
                 test::join(test::free_network, R"(
    fleet.chip_spread=0
    topology.kind=tree
    job.compute_time=1s
    sampling.steps=100)"));
  std::vector<double> times;
  for (std::uint32_t trial = 0; trial < 40; ++trial)
    for (double t : train(*point, trial, 1).result.step_time) times.push_back(t);
  Sample sample;
  sample.count = static_cast<double>(times.size());
  for (double t : times) sample.mean += t / sample.count;
  double squares = 0;
  for (double t : times) squares += (t - sample.mean) * (t - sample.mean);
  sample.standard_error = std::sqrt(squares / (sample.count - 1) / sample.count);
  return sample;
}

double standard_errors_off(const Sample& sample, double expected) {
  return std::fabs(sample.mean - expected) / sample.standard_error;
}

TEST(SlowestChip, QuadratureGivesKnownValues) {
  EXPECT_NEAR(expected_slowest(1, 0.3), 1, 1e-9);
  // E[max of two] = mean (1 + erf(sigma / 2)) for lognormals of mean 1.
  EXPECT_NEAR(expected_slowest(2, 0.3), 1 + std::erf(0.15), 1e-9);
}

// Steps are independent: only the jitter of a step is random, and clipping aligns every start.
TEST(SlowestChip, StepTimeIsTheExpectedMaximum) {
  constexpr int chips = 16384;
  constexpr double sigma = 0.02;
  const Sample sample = simulated_slowest(chips, sigma);
  ASSERT_EQ(sample.count, 4000);
  ASSERT_GT(sample.standard_error, 0);
  const double off = standard_errors_off(sample, expected_slowest(chips, sigma));
  fmt::print("mean {:.6f} +- {:.6f}, quadrature {:.6f}: {:.2f} standard errors\n", sample.mean,
             sample.standard_error, expected_slowest(chips, sigma), off);
  EXPECT_LT(off, 5);
  EXPECT_GT(standard_errors_off(sample, expected_slowest(chips, 0.0202)), 5)
      << "cannot tell a sigma 1 % larger";
  EXPECT_GT(standard_errors_off(sample, expected_slowest(chips / 8, sigma)), 5)
      << "cannot tell an eighth of the chips";
}

}  // namespace
}  // namespace lockstep
