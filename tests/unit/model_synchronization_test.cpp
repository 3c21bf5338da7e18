#include "engine/training/synchronized_group.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engine/training/trial/training_step.hpp"
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

/// Moments of the largest of a lognormal of mean 1 and n - 1 of mean q, from its distribution
/// function, by Simpson's rule with the C library's functions.
Moments largest_of(int n, double sigma, double q = 1) {
  const auto below = [](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); };
  const int intervals = 8000;
  const double low = -9, width = 20.0 / intervals, shift = -std::log(q) / sigma;
  // By parts: E[g(X)] = g(high) - integral of g' F.
  const auto power = [&](double z, int k) {
    return std::exp(k * (sigma * z - 0.5 * sigma * sigma));
  };
  double first = power(low + 20, 1), second = power(low + 20, 2);
  for (int i = 0; i <= intervals; ++i) {
    const double z = low + width * i;
    const double part = (i == 0 || i == intervals ? 1
                         : i % 2 == 1             ? 4
                                                  : 2) *
                        width / 3 * sigma * below(z) * std::pow(below(z + shift), n - 1);
    first -= part * power(z, 1);
    second -= part * 2 * power(z, 2);
  }
  return {1, first, second - first * first};
}

/// Chance that of n normals the one that is -log q / sigma ahead of the others is the largest, by
/// Simpson's rule.
double chance_of_slowest(int n, double sigma, double q) {
  const int intervals = 8000;
  const double low = -9, width = 20.0 / intervals, ahead = -std::log(q) / sigma;
  double sum = 0;
  for (int i = 0; i <= intervals; ++i) {
    const double z = low + width * i;
    const double below = 0.5 * std::erfc(-(z + ahead) / std::sqrt(2.0));
    sum += (i == 0 || i == intervals ? 1
            : i % 2 == 1             ? 4
                                     : 2) *
           width / 3 * std::exp(-0.5 * z * z) / std::sqrt(2 * M_PI) * std::pow(below, n - 1);
  }
  return sum;
}

TEST(SynchronizationCost, EqualsQuadrature) {
  for (int chips : {2, 3, 8, 72})
    for (double sigma : {0.005, 0.02, 0.1, 0.5}) {
      const SynchronizationCost cost(chips, sigma, 25);
      // Points of the table: every 10 sigma / 128.
      for (int point : {0, 1, 13, 40, 127}) {
        SCOPED_TRACE(fmt::format("{} chips, sigma {}, point {}", chips, sigma, point));
        const double q = std::exp(-sigma * 10 * point / 128);
        const Moments largest = largest_of(chips, sigma, q);
        EXPECT_NEAR(cost.at(q).excess, largest.mean - 1, 1e-7 * sigma);
        const double share = chance_of_slowest(chips, sigma, q);
        EXPECT_NEAR(cost.at(q).share, share, 1e-7);
        // What the step factors leave of the variance of the largest.
        const double carried = share * share + (1 - share) * (1 - share) / (chips - 1);
        const double left = largest.variance - std::expm1(sigma * sigma) * carried;
        const double variance =
            std::expm1(std::pow(cost.at(q).residual, 2)) * std::pow(largest.mean, 2);
        EXPECT_NEAR(variance, left / 25, 1e-8 * sigma * sigma);
      }
    }
  // Two normals: the expected maximum is 1 / sqrt(pi).
  EXPECT_NEAR(SynchronizationCost(2, 1e-4, 1).at(1).excess, 1e-4 / std::sqrt(M_PI), 1e-9);
}

TEST(SynchronizationCost, BetweenItsPointsIsAsNearAsItSays) {
  double worst = 0;
  for (int chips : {2, 8, 72, 4096})
    for (double sigma : {0.001, 0.02, 0.1}) {
      SCOPED_TRACE(fmt::format("{} chips, sigma {}", chips, sigma));
      const SynchronizationCost cost(chips, sigma, 25);
      double before = cost.at(1).excess;
      for (double distance = 0.039; distance < 10; distance += 0.093) {
        const double q = std::exp(-sigma * distance);
        const double off = (cost.at(q).excess - (largest_of(chips, sigma, q).mean - 1)) / sigma;
        EXPECT_GT(off, -1e-7) << distance;
        EXPECT_LT(off, 4e-4) << distance;
        worst = std::max(worst, off);
        EXPECT_LE(cost.at(q).excess, before) << distance;
        before = cost.at(q).excess;
      }
    }
  EXPECT_GT(worst, 2e-4) << "the bound says too little";
}

TEST(SynchronizationCost, IsNothingBesideAChipFarSlower) {
  const SynchronizationCost cost(8, 0.02, 25);
  for (double q : {0.81, 0.5, 1e-300, 0.0}) {
    EXPECT_EQ(cost.at(q).excess, 0) << q;
    // Its own step factor is what the step takes.
    EXPECT_EQ(cost.at(q).share, 1) << q;
    EXPECT_EQ(cost.at(q).residual, 0) << q;
  }
}

TEST(SynchronizationCost, IsNothingAloneOrWithoutJitter) {
  for (const SynchronizationCost& cost :
       {SynchronizationCost(1, 0.02, 10), SynchronizationCost(8, 0, 10), SynchronizationCost()}) {
    EXPECT_TRUE(cost.is_nothing());
    for (double q : {1.0, 0.9, 0.0}) {
      EXPECT_EQ(cost.at(q).excess, 0);
      EXPECT_EQ(cost.at(q).residual, 0);
    }
  }
  const auto point = test::make_point("fleet.chips=H100:16");
  const TrialChips chips = draw_chips(*point, 0);
  for (std::int64_t r = 0; r < 16; ++r)
    EXPECT_EQ(lasting_time(*point, 0, r, chips), chips.compute[static_cast<std::size_t>(r)]);
}

/// Steps of one tensor group whose chips take `alone` each, every operation of every chip drawn:
/// each synchronization waits for the slowest.
std::vector<double> simulated_steps(const std::vector<double>& alone, int synchronizations,
                                    double sigma, int steps) {
  std::mt19937_64 random(71);
  std::normal_distribution<double> normal(-0.5 * sigma * sigma, sigma);
  std::vector<double> shift, times;
  for (double time : alone) shift.push_back(std::log(time));
  for (int step = 0; step < steps; ++step) {
    double time = 0;
    for (int s = 0; s < synchronizations; ++s) {
      double slowest = -1e300;
      for (double chip : shift) slowest = std::max(slowest, chip + normal(random));
      time += std::exp(slowest);
    }
    times.push_back(time / synchronizations);
  }
  return times;
}

/// The same by the model, where a chip's step factor is the average of its operations'. The last
/// chip is a generation of its own, slower by `slowdown`.
std::vector<double> modelled_steps(int chips, double slowdown, int synchronizations, double sigma,
                                   int steps) {
  const double of_step = std::sqrt(std::log1p(std::expm1(sigma * sigma) / synchronizations));
  const auto point = test::make_point(
      fmt::format("fleet.chips=H100:{}, SLOW:1\nchip.SLOW.peak={:.17g}\njob.tensor={}\n"
                  "job.synchronizations={}\nnoise.operation_jitter={:.17g}\n"
                  "noise.step_jitter={:.17g}\n",
                  chips - 1, 989.4e12 / slowdown, chips, synchronizations, sigma, of_step) +
      test::join(test::free_network,
                 "fleet.chip_spread=0\njob.compute_time=1s\njob.gradient_clipping=off"));
  TrainingSteps training(*point, 0, 1);
  std::vector<double> times;
  for (int step = 0; step < steps; ++step) times.push_back(training.next().compute_time);
  return times;
}

// A step factor may be off by this; what took the slowest chip to be as many as the group is not.
constexpr double tolerance = 0.003;

/// The cost that an equally slow group would have: the control that has to be told apart.
double all_as_slow(double slowest, int chips, double sigma) {
  return slowest * largest_of(chips, sigma).mean;
}

TEST(TensorGroup, StepsAgreeWithEveryOperationSimulated) {
  constexpr int steps = 20000, synchronizations = 50;
  struct Case {
    int chips;
    double sigma, slowdown;
  };
  for (const auto& [chips, sigma, slowdown] : {Case{2, 0.02, 1},
                                               {8, 0.02, 1},
                                               {8, 0.1, 1},
                                               {8, 0.02, 1.02},
                                               {8, 0.02, 1.05},
                                               {8, 0.02, 1.1}}) {
    SCOPED_TRACE(fmt::format("{} chips, sigma {}, slowdown {}", chips, sigma, slowdown));
    std::vector<double> alone(static_cast<std::size_t>(chips), 1.0);
    alone.back() = slowdown;
    const Moments full = moments(simulated_steps(alone, synchronizations, sigma, steps));
    const Moments model = moments(modelled_steps(chips, slowdown, synchronizations, sigma, steps));
    const auto off = [](double a, double ea, double b, double eb) {
      return std::fabs(a - b) / std::sqrt(ea * ea + eb * eb);
    };
    const double control = all_as_slow(slowdown, chips, sigma);
    fmt::print(
        "{} chips, sigma {}, one {} slower: mean {:.6f} (every operation {:.6f}; all as slow "
        "{:.6f}), sd {:.6f} ({:.6f})\n",
        chips, sigma, slowdown, model.mean, full.mean, control, model.deviation(),
        full.deviation());
    EXPECT_NEAR(model.mean, full.mean, tolerance * full.mean);
    EXPECT_LT(off(model.mean, model.error_of_mean(), full.mean, full.error_of_mean()), 5);
    EXPECT_LT(off(model.deviation(), model.error_of_deviation(), full.deviation(),
                  full.error_of_deviation()),
              5);
    if (slowdown > 1) {
      EXPECT_GT(control, (1 + tolerance) * full.mean);
    }
    // Without the residual the spread would be that of the chips' average: told apart.
    const double average =
        slowdown * std::sqrt(std::expm1(sigma * sigma) / synchronizations / chips);
    EXPECT_GT(off(average, 0, full.deviation(), full.error_of_deviation()), 5);
  }
}

/// E[max of n lognormals of mean 1], drawn by the standard library.
Moments drawn_largest(int n, double sigma, int count) {
  std::mt19937_64 random(72);
  std::lognormal_distribution<double> factor(-0.5 * sigma * sigma, sigma);
  std::vector<double> largest;
  for (int i = 0; i < count; ++i) {
    double most = 0;
    for (int chip = 0; chip < n; ++chip) most = std::max(most, factor(random));
    largest.push_back(most);
  }
  return moments(largest);
}

/// Steps of one group of 8 chips whose step factors alone are random, if nothing more is set.
std::vector<StepResult> steps_of_eight(double step_jitter, int steps, std::string_view more = "") {
  const auto point = test::make_point(
      test::join(fmt::format("fleet.chips=H100:8\njob.tensor=8\nnoise.step_jitter={}", step_jitter),
                 test::free_network,
                 "fleet.chip_spread=0\nnoise.operation_jitter=0\njob.compute_time=1s\n"
                 "job.gradient_clipping=off",
                 more));
  TrainingSteps training(*point, 0, 1);
  std::vector<StepResult> results;
  for (int step = 0; step < steps; ++step) results.push_back(training.next());
  return results;
}

std::vector<double> compute_times(const std::vector<StepResult>& steps) {
  std::vector<double> times;
  for (const StepResult& step : steps) times.push_back(step.compute_time);
  return times;
}

TEST(TensorGroup, EndsWithItsSlowestChip) {
  for (const auto& [sigma, steps] : {std::pair{0.1, 20000}, {0.5, 20000}, {2.0, 100000}}) {
    const Moments reference = drawn_largest(8, sigma, 4 * steps);
    const Moments model = moments(compute_times(steps_of_eight(sigma, steps)));
    const double error = std::hypot(model.error_of_mean(), reference.error_of_mean());
    fmt::print("step_jitter {}: {:.4f} +- {:.4f}, largest of eight {:.4f} +- {:.4f}\n", sigma,
               model.mean, model.error_of_mean(), reference.mean, reference.error_of_mean());
    EXPECT_LT(std::fabs(model.mean - reference.mean), 4 * error);
    // The mean of the eight, which a group cannot end with, is told apart.
    EXPECT_GT(std::fabs(1 - reference.mean), 8 * error);
  }
}

// A slow chip far behind the others: the group takes its step factor, not the mean of eight.
TEST(TensorGroup, FollowsTheStepFactorOfAChipFarSlower) {
  for (const char* operations : {"0", "0.02"}) {
    const auto point = test::make_point(test::join(
        "fleet.chips=H100:7, SLOW:1\nchip.SLOW.peak=100TFLOP/s\njob.tensor=8",
        fmt::format("noise.step_jitter=0.1\nnoise.operation_jitter={}", operations),
        test::free_network, "fleet.chip_spread=0\njob.compute_time=1s\njob.gradient_clipping=off"));
    TrainingSteps training(*point, 0, 1);
    std::vector<double> times;
    for (int step = 0; step < 20000; ++step) times.push_back(training.next().compute_time / 9.894);
    const Moments model = moments(times);
    EXPECT_LT(std::fabs(model.mean - 1), 4 * model.error_of_mean());
    const double sd = std::sqrt(std::expm1(0.01));
    EXPECT_LT(std::fabs(model.deviation() - sd), 5 * model.error_of_deviation());
    EXPECT_GT(std::fabs(sd / std::sqrt(8) - sd), 20 * model.error_of_deviation());
  }
}

// Few synchronizations of very different operations: never below the chips' own computes, and the
// mean is that of the largest operation.
TEST(TensorGroup, FewSynchronizationsAreNeverNegative) {
  for (double sigma : {0.2, 0.5, 1.0}) {
    const std::string more =
        fmt::format("job.synchronizations=1\nnoise.operation_jitter={}", sigma);
    const std::vector<double> times = compute_times(steps_of_eight(0, 20000, more));
    EXPECT_GE(*std::min_element(times.begin(), times.end()), 1);
    const Moments model = moments(times), reference = drawn_largest(8, sigma, 200000);
    fmt::print("operation_jitter {}: {:.4f} +- {:.4f}, largest of eight {:.4f}\n", sigma,
               model.mean, model.error_of_mean(), reference.mean);
    EXPECT_NEAR(model.mean, reference.mean, 0.01 * reference.mean + 4 * model.error_of_mean());
    const double symmetric = reference.mean - 4 * reference.deviation();
    EXPECT_TRUE(sigma < 0.4 || symmetric < 0) << "a normal residual would go below nothing";
  }
}

// Chips that all differ: the others count at their mean.
TEST(TensorGroup, SpreadOfSpeedsAgreesWithEveryOperationSimulated) {
  constexpr double sigma = 0.02;
  constexpr int chips = 8, groups = 30;
  const auto point = test::make_point(
      test::join(fmt::format("fleet.chips=H100:{}\njob.tensor={}\nnoise.operation_jitter={}",
                             chips * groups, chips, sigma),
                 "fleet.chip_spread=0.005\njob.compute_time=1s"));
  const TrialChips drawn = draw_chips(*point, 0);
  double model_mean = 0, full_mean = 0, control_mean = 0, worst = 0;
  for (std::int64_t r = 0; r < groups; ++r) {
    std::vector<double> alone;
    for (std::int64_t t = 0; t < chips; ++t)
      alone.push_back(drawn.compute[static_cast<std::size_t>(point->layout().at(t, r))]);
    const double full = moments(simulated_steps(alone, 50, sigma, 1000)).mean;
    const double model = lasting_time(*point, 0, r, drawn);
    EXPECT_NEAR(model, full, tolerance * full) << "group " << r;
    worst = std::max(worst, std::fabs(model / full - 1));
    model_mean += model / groups;
    full_mean += full / groups;
    control_mean +=
        all_as_slow(*std::max_element(alone.begin(), alone.end()), chips, sigma) / groups;
  }
  fmt::print(
      "spread 0.005: mean {:.6f} (every operation {:.6f}; all as slow {:.6f}), worst {:.6f}\n",
      model_mean, full_mean, control_mean, worst);
  EXPECT_GT(control_mean, (1 + tolerance) * full_mean);
}

}  // namespace
}  // namespace lockstep
