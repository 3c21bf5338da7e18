// Storage beside the chips: a square wave against its closed form, energy kept.

#include "engine/power/smoothing/storage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/base/random.hpp"
#include "engine/power/meter/power_trace.hpp"

namespace lockstep {
namespace {

constexpr double resolution = 1e-4;

std::vector<double> square(double low, double swing, double duty, double period, int periods) {
  PowerTrace trace(resolution);
  trace.reach(period * periods);
  trace.jump(0, low);
  for (int p = 0; p < periods; ++p) {
    trace.jump(period * p, swing);
    trace.jump(period * (p + duty), -swing);
  }
  return trace.bins(trace.bins_until(period * periods));
}

double swing_of(const std::vector<double>& trace) {
  const auto [least, most] = std::minmax_element(trace.begin(), trace.end());
  return *most - *least;
}

double sum(const std::vector<double>& trace) {
  return std::accumulate(trace.begin(), trace.end(), 0.0) * resolution;
}

TEST(Storage, FlattensASquareWaveWhileItsEnergyLasts) {
  // E = D d (1 - d) T: 65 J last up to these periods.
  struct Row {
    double swing, duty, period;
  };
  for (const Row& row : {Row{840, 0.5, 0.310}, {840, 0.8, 0.484}, {420, 0.5, 0.619}}) {
    SCOPED_TRACE(row.period);
    const auto left = [&](double period) {
      const std::vector<double> load = square(360, row.swing, row.duty, period, 10);
      const Storage shelf{.energy = 65, .charge = 1e4, .discharge = 1e4, .window = 2 * period};
      const std::vector<double> grid = smoothed(load, resolution, shelf);
      EXPECT_NEAR(sum(grid), sum(load), 1e-9 * sum(load) + 65);
      return swing_of(grid);
    };
    // Its window is whole values of the trace, half a one too long or short.
    EXPECT_LT(left(0.998 * row.period), row.swing * resolution / (2 * row.period));
    EXPECT_GT(left(1.02 * row.period),
              0.5 * row.swing);  // empty or full at times, it lets all through
  }
}

TEST(Storage, WithLossesNeedsAtMostItsEnergyOverTheEfficiency) {
  const double swing = 840, duty = 0.5, period = 0.2, efficiency = 0.8;
  const std::vector<double> load = square(360, swing, duty, period, 40);
  Storage shelf{.energy = swing * duty * (1 - duty) * period / efficiency,
                .charge = 1e4,
                .discharge = 1e4,
                .efficiency = efficiency,
                .window = period};
  std::vector<double> grid = smoothed(load, resolution, shelf);
  EXPECT_LT(swing_of(grid), 1e-6 * swing);
  // It takes more than it gives: (1 - d) c = d g / e and g + c = D.
  const double given = swing * efficiency * (1 - duty) / (efficiency * (1 - duty) + duty);
  EXPECT_NEAR(grid[1000], 360 + swing - given, 1e-3);
  // What a steady wave takes out at a time; less is not enough.
  shelf.energy = 0.98 * given * duty * period / efficiency;
  grid = smoothed(load, resolution, shelf);
  EXPECT_GT(swing_of(grid), 0.1 * swing);
}

// A billionth of everything is a billionth: no watt is in it that nobody gave.
TEST(Storage, KnowsNoWatt) {
  const std::vector<double> load = square(360, 840, 0.5, 0.2, 40);
  std::vector<double> small = load;
  for (double& watts : small) watts *= 1e-9;
  const Storage shelf{
      .energy = 20, .charge = 300, .discharge = 200, .efficiency = 0.8, .window = 0.2};
  Storage small_shelf = shelf;
  for (double* of : {&small_shelf.energy, &small_shelf.charge, &small_shelf.discharge}) *of *= 1e-9;
  const std::vector<double> grid = smoothed(load, resolution, shelf),
                            small_grid = smoothed(small, resolution, small_shelf);
  for (std::size_t b = 0; b < grid.size(); ++b)
    ASSERT_NEAR(small_grid[b] * 1e9, grid[b], 1e-6 * grid[b]) << b;
}

TEST(Storage, KeepsToItsPowers) {
  const std::vector<double> load = square(360, 840, 0.5, 0.2, 40);
  const Storage shelf{.energy = 1e6, .charge = 100, .discharge = 300, .window = 0.2};
  const std::vector<double> grid = smoothed(load, resolution, shelf);
  for (std::size_t b = 0; b < load.size(); ++b) {
    EXPECT_LE(grid[b] - load[b], 100 + 1e-9);
    EXPECT_GE(grid[b] - load[b], -300 - 1e-9);
  }
  EXPECT_NEAR(*std::min_element(grid.begin(), grid.end()), 460, 1e-6);
}

/// A plain shelf, written apart: any load, its energy never below 0 nor above what it holds.
TEST(Storage, NeverHoldsMoreThanItCanNorLess) {
  std::vector<double> load;
  for (std::uint32_t i = 0; i < 20000; ++i)
    load.push_back(500 + 700 * Stream{1, Purpose{}, 0}.uniform(i / 400, 0));
  for (const double efficiency : {1.0, 0.7}) {
    const Storage shelf{
        .energy = 20, .charge = 400, .discharge = 300, .efficiency = efficiency, .window = 0.2};
    const std::vector<double> grid = smoothed(load, resolution, shelf);
    double charge = 0, lowest = 0, highest = 0;
    for (std::size_t b = 0; b < load.size(); ++b) {
      const double taken = grid[b] - load[b];
      charge += resolution * (taken > 0 ? taken : taken / efficiency);
      lowest = std::min(lowest, charge);
      highest = std::max(highest, charge);
    }
    EXPECT_LE(highest - lowest, 20 * (1 + 1e-9));
    EXPECT_GT(highest - lowest, 10);
  }
}

TEST(Storage, OfNothingChangesNothing) {
  const std::vector<double> load = square(360, 840, 0.5, 0.2, 10);
  EXPECT_EQ(smoothed(load, resolution, {.energy = 0, .charge = 1e9, .discharge = 1e9, .window = 1}),
            load);
}

}  // namespace
}  // namespace lockstep
