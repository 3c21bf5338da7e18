#include "engine/model/synchronized_group.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engine/model/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

struct Moments {
  double count = 0, mean = 0, variance = 0;
  double deviation() const { return std::sqrt(variance); }
  double error_of_mean() const { return std::sqrt(variance / count); }
  /// For nearly normal values.
  double error_of_deviation() const { return deviation() / std::sqrt(2 * count); }
};

Moments moments(const std::vector<double>& sample) {
  Moments m;
  m.count = static_cast<double>(sample.size());
  for (double x : sample) m.mean += x / m.count;
  for (double x : sample) m.variance += (x - m.mean) * (x - m.mean) / (m.count - 1);
  return m;
}

/// Moments of the largest of n lognormals of mean 1, from the density of the largest normal, by
/// the trapezoidal rule with the C library's functions.
Moments largest_of(int n, double sigma) {
  const int intervals = 40000;
  const double low = -9, width = 20.0 / intervals;
  double first = 0, second = 0, total = 0;
  for (int i = 0; i <= intervals; ++i) {
    const double z = low + width * i;
    const double below = 0.5 * std::erfc(-z / std::sqrt(2.0));
    const double mass = n * std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI) * std::pow(below, n - 1);
    const double x = std::exp(sigma * z - 0.5 * sigma * sigma);
    total += mass * width;
    first += mass * x * width;
    second += mass * x * x * width;
  }
  EXPECT_NEAR(total, 1, 1e-9);
  return {1, first, second - first * first};
}

TEST(SynchronizationCost, EqualsQuadrature) {
  for (int chips : {2, 3, 8, 72})
    for (double sigma : {0.005, 0.02, 0.1, 0.5}) {
      SCOPED_TRACE(fmt::format("{} chips, sigma {}", chips, sigma));
      const Moments largest = largest_of(chips, sigma);
      const SynchronizationCost cost = synchronization_cost(chips, sigma, 25);
      EXPECT_NEAR(cost.mean_excess, largest.mean - 1, 1e-9);
      // What the chips' own average leaves of the variance of the largest.
      const double left = largest.variance - std::expm1(sigma * sigma) / chips;
      EXPECT_NEAR(cost.residual, std::sqrt(std::max(0.0, left) / 25), 1e-9);
    }
  // Two normals: the expected maximum is 1 / sqrt(pi).
  EXPECT_NEAR(synchronization_cost(2, 1e-4, 1).mean_excess, 1e-4 / std::sqrt(M_PI), 1e-9);
}

TEST(SynchronizationCost, IsNothingAloneOrWithoutJitter) {
  for (const SynchronizationCost& cost :
       {synchronization_cost(1, 0.02, 10), synchronization_cost(8, 0, 10)}) {
    EXPECT_EQ(cost.mean_excess, 0);
    EXPECT_EQ(cost.residual, 0);
  }
}

/// Steps of one tensor group, every operation of every chip drawn: each synchronization waits for
/// the slowest.
std::vector<double> simulated_steps(int chips, int synchronizations, double sigma, int steps) {
  std::mt19937_64 random(71);
  std::normal_distribution<double> normal(-0.5 * sigma * sigma, sigma);
  std::vector<double> times;
  for (int step = 0; step < steps; ++step) {
    double time = 0;
    for (int s = 0; s < synchronizations; ++s) {
      double slowest = -1e300;
      for (int c = 0; c < chips; ++c) slowest = std::max(slowest, normal(random));
      time += std::exp(slowest);
    }
    times.push_back(time / synchronizations);
  }
  return times;
}

/// The same by the model, where a chip's step factor is the average of its operations'.
std::vector<double> modelled_steps(int chips, int synchronizations, double sigma, int steps) {
  const double of_step = std::sqrt(std::log1p(std::expm1(sigma * sigma) / synchronizations));
  const auto point = test::make_point(
      fmt::format("fleet.chips=H100:{0}\njob.tensor={0}\njob.synchronizations={1}\n"
                  "noise.operation_jitter={2:.17g}\nnoise.step_jitter={3:.17g}\n",
                  chips, synchronizations, sigma, of_step) +
      test::join(test::free_network,
                 "fleet.chip_spread=0\njob.compute_time=1s\njob.gradient_clipping=off"));
  TrainingSteps training(*point, 0, 1);
  std::vector<double> times;
  for (int step = 0; step < steps; ++step) times.push_back(training.next().compute_time);
  return times;
}

TEST(TensorGroup, StepsAgreeWithEveryOperationSimulated) {
  constexpr int steps = 20000, synchronizations = 50;
  for (const auto& [chips, sigma] : {std::pair{2, 0.02}, {8, 0.02}, {8, 0.1}}) {
    SCOPED_TRACE(fmt::format("{} chips, sigma {}", chips, sigma));
    const Moments full = moments(simulated_steps(chips, synchronizations, sigma, steps));
    const Moments model = moments(modelled_steps(chips, synchronizations, sigma, steps));
    const auto off = [](double a, double ea, double b, double eb) {
      return std::fabs(a - b) / std::sqrt(ea * ea + eb * eb);
    };
    fmt::print("{} chips, sigma {}: mean {:.6f} (every operation {:.6f}), sd {:.6f} ({:.6f})\n",
               chips, sigma, model.mean, full.mean, model.deviation(), full.deviation());
    EXPECT_LT(off(model.mean, model.error_of_mean(), full.mean, full.error_of_mean()), 5);
    EXPECT_LT(off(model.deviation(), model.error_of_deviation(), full.deviation(),
                  full.error_of_deviation()),
              5);
    // Without the residual the spread would be that of the chips' average: told apart.
    const double average = std::sqrt(std::expm1(sigma * sigma) / synchronizations / chips);
    EXPECT_GT(off(average, 0, full.deviation(), full.error_of_deviation()), 5);
  }
}

}  // namespace
}  // namespace lockstep
