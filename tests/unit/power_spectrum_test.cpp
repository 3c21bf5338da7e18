// Spectra of traces against Fourier series, and the utilities' limits against arithmetic.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "engine/base/elementary.hpp"
#include "engine/base/random.hpp"
#include "engine/power/grid/grid_limits.hpp"
#include "engine/power/meter/power_trace.hpp"

namespace lockstep {
namespace {

/// So many periods of a square wave of `swing` W that is up for a share `duty` of each.
std::vector<double> square(double swing, double duty, double period, int periods,
                           double resolution) {
  PowerTrace trace(resolution);
  trace.reach(period * periods);
  for (int p = 0; p < periods; ++p) {
    trace.jump(period * p, swing);
    trace.jump(period * (p + duty), -swing);
  }
  return trace.bins(trace.bins_until(period * periods));
}

TEST(Spectrum, OfASquareWaveIsItsFourierSeries) {
  for (const auto& [duty, first] : {std::pair{0.5, 0.8106}, {0.8, 0.4376}, {0.9, 0.2150}}) {
    SCOPED_TRACE(duty);
    const Spectrum spectrum(square(1e6, duty, 2, 40, 1e-3), 1e-3);
    EXPECT_NEAR(spectrum.rms(0, 500), 1e6 * std::sqrt(duty * (1 - duty)), 1e-3 * 1e6);
    const Spectrum::Line line = spectrum.largest_line();
    EXPECT_NEAR(line.frequency, 0.5, 0.01);
    EXPECT_NEAR(line.share, first, 1e-3);
    for (const int k : {1, 2, 3}) {
      // 2 D / (pi k) sin(pi k d) is a line's peak.
      const double peak = 2e6 / (std::numbers::pi * k) * std::sin(std::numbers::pi * k * duty);
      EXPECT_NEAR(spectrum.rms(0.5 * k - 0.2, 0.5 * k + 0.2), std::abs(peak) / std::sqrt(2), 500);
    }
  }
}

TEST(Spectrum, EnergyIsThatOfTheTrace) {
  // Noise: Parseval holds with the window's weights.
  std::vector<double> trace;
  for (std::uint32_t i = 0; i < 5000; ++i) trace.push_back(Stream{3, Purpose{}, 0}.uniform(i, 0));
  const double mean = std::accumulate(trace.begin(), trace.end(), 0.0) / 5000;
  double weighted = 0, weights = 0;
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const double w =
        std::pow(std::sin(std::numbers::pi * (static_cast<double>(i) + 0.5) / 5000), 2);
    weighted += w * w * (trace[i] - mean) * (trace[i] - mean);
    weights += w * w;
  }
  const Spectrum spectrum(trace, 0.1);
  EXPECT_NEAR(spectrum.rms(0, 5), std::sqrt(weighted / weights), 2e-4 * std::sqrt(1 / 12.0));
  const double split = std::hypot(spectrum.rms(0, 1.2345), spectrum.rms(1.2345, 5));
  EXPECT_NEAR(split, spectrum.rms(0, 5), 1e-12);
}

TEST(Spectrum, EqualsThePlainSum) {
  std::vector<double> trace;
  for (std::uint32_t i = 0; i < 50; ++i) trace.push_back(Stream{4, Purpose{}, 0}.uniform(i, 0));
  const double mean = std::accumulate(trace.begin(), trace.end(), 0.0) / 50;
  const Spectrum spectrum(trace, 0.5);
  ASSERT_EQ(spectrum.density().size(), 32u);
  EXPECT_DOUBLE_EQ(spectrum.spacing(), 1 / 32.0);
  for (std::size_t k = 0; k < 32; ++k) {
    double real = 0, imaginary = 0, weights = 0;
    for (std::size_t i = 0; i < 50; ++i) {
      const auto t = static_cast<double>(i);
      const double w = std::pow(std::sin(std::numbers::pi * (t + 0.5) / 50), 2);
      const double turn = 2 * std::numbers::pi * static_cast<double>(k) * t / 64;
      real += w * (trace[i] - mean) * std::cos(turn);
      imaginary += w * (trace[i] - mean) * std::sin(turn);
      weights += w * w;
    }
    const double plain = (k == 0 ? 1 : 2) * (real * real + imaginary * imaginary) * 0.5 / weights;
    EXPECT_NEAR(spectrum.density()[k], plain, 1e-12) << k;
  }
}

TEST(Spectrum, EdgesThatAreSmearedScaleItsLines) {
  // Chips whose edges lie normally about the common one, 50 ms wide: exp(-(2 pi f 50 ms)^2 / 2).
  for (const auto& [frequency, scale] : {std::pair{1.0, 0.9518}, {5.0, 0.2912}}) {
    PowerTrace trace(1e-3);
    constexpr int chips = 2000, periods = 60;
    const double period = 1 / frequency;
    trace.reach(period * (periods + 4) + 1);
    for (int chip = 0; chip < chips; ++chip) {
      const double late = 0.05 * elementary::normal_quantile((chip + 0.5) / chips);
      for (int p = 0; p < periods + 4; ++p) {
        trace.jump(period * (p + 0.5) + late, 1.0 / chips);
        trace.jump(period * (p + 0.8) + late, -1.0 / chips);
      }
    }
    std::vector<double> all = trace.bins(trace.bins_until(period * (periods + 3)));
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(2000 * period));
    const Spectrum spectrum(all, 1e-3);
    const double line = 2 / std::numbers::pi * std::sin(std::numbers::pi * 0.3) / std::sqrt(2);
    const double found = spectrum.rms(0.8 * frequency, 1.2 * frequency) / line;
    EXPECT_NEAR(found, scale, 2e-3) << frequency;
    EXPECT_GT(std::abs(1 - found), 0.02);  // an edge that is not smeared is told from it
  }
}

TEST(Spectrum, ShowsThreePeriodsAndTwoValues) {
  EXPECT_TRUE(Spectrum::shows(0.1, 55, 30, 1e-3));
  EXPECT_FALSE(Spectrum::shows(0.1, 55, 29.9, 1e-3));
  EXPECT_FALSE(Spectrum::shows(0.1, 55, 30, 10e-3));
  EXPECT_EQ(Spectrum(std::vector<double>(100, 5.0), 1).largest_line().share, 0);
}

const GridLimit& limit_called(std::string_view name) {
  for (const GridLimit& limit : grid_limits())
    if (limit.name == name) return limit;
  throw std::logic_error("no such limit");
}

double room_of(const std::vector<double>& trace, double resolution, std::string_view limit) {
  const double mean =
      std::accumulate(trace.begin(), trace.end(), 0.0) / static_cast<double>(trace.size());
  const Spectrum spectrum(trace, resolution);
  return GridTrace(trace, resolution, mean, spectrum).room(limit_called(limit));
}

TEST(GridLimits, ErcotFlipsAt35700H100) {
  // 0.4 TDP of swing, seconds long: 10 MW are 35,714 chips of 280 W.
  const auto fleet = [](double chips) { return square(chips * 0.4 * 700, 0.7, 4, 10, 0.01); };
  EXPECT_GT(room_of(fleet(35700), 0.01, "ercot_2026"), 1);
  EXPECT_LT(room_of(fleet(35730), 0.01, "ercot_2026"), 1);
  EXPECT_NEAR(room_of(fleet(1000), 0.01, "ercot_2026") * 1000, 35714, 1);
}

TEST(GridLimits, EachMeasuresWhatItSays) {
  std::vector<double> wave = square(6e6, 0.5, 10, 120, 0.005);  // 6 MW, every 10 s, on 100 MW
  for (double& watts : wave) watts += 100e6;
  EXPECT_NEAR(room_of(wave, 0.005, "ercot_2026"), 10.0 / 6, 1e-9);
  EXPECT_NEAR(room_of(wave, 0.005, "aeso"), 10.0 / 6, 1e-9);
  EXPECT_NEAR(room_of(wave, 0.005, "southern"), 10.0 / 6, 1e-9);
  EXPECT_NEAR(room_of(wave, 0.005, "atc"), 25.0 / 6, 1e-9);
  EXPECT_EQ(room_of(wave, 0.005, "ercot_nprr1191"), 0);  // more than 2 % of the mean
  // A minute's rise is a share of the mean: 10 MW, below which IESO asks nothing.
  EXPECT_NEAR(room_of(wave, 0.005, "ieso"), 10.0 / 103, 1e-9);
  // Ten minutes are whole periods.
  EXPECT_GT(room_of(wave, 0.005, "caiso"), 1e6);
  // All of the wave but what is above 5 Hz; 0.1 Hz, the band's edge, halves its line.
  const double above = 2 * std::sqrt(2) * 6e6 * std::sqrt(2) / std::numbers::pi;
  double lines = 0;
  for (int k = 51; k < 550; k += 2) lines += 1.0 / k / k;
  EXPECT_NEAR(room_of(wave, 0.005, "lipa"), 10e6 / (6e6 * std::sqrt(2)), 0.4);
  EXPECT_LT(above * std::sqrt(lines), 3.5e6);
}

TEST(GridLimits, ARampIsSeenOverItsTenMinutes) {
  std::vector<double> ramp;
  for (int s = 0; s < 1200; ++s) ramp.push_back(100e6 + 0.25e6 * s);  // 15 MW/min
  EXPECT_NEAR(room_of(ramp, 1, "caiso"), 20.0 / 15, 1e-9);
  ramp.resize(500);
  EXPECT_TRUE(std::isnan(room_of(ramp, 1, "caiso")));
}

TEST(GridLimits, IesoAsksForFifteenSeconds) {
  // 6 MW up within 12 s and down within as many: the spectrum from 0.1 Hz on has little of it, and
  // 5 MW in 15 s is what is broken first.
  constexpr double resolution = 0.005;
  std::vector<double> steps;
  for (int b = 0; b < 96000; ++b) {
    const double at = std::fmod(b * resolution, 240), up = std::clamp(at / 12, 0.0, 1.0),
                 down = std::clamp((at - 120) / 12, 0.0, 1.0);
    steps.push_back(100e6 + 6e6 * (up - down));
  }
  EXPECT_NEAR(room_of(steps, resolution, "ieso"), 5.0 / 6, 1e-9);
}

TEST(GridLimits, RowsAreComplete) {
  for (const GridLimit& limit : grid_limits()) {
    EXPECT_FALSE(limit.summary.empty() || limit.status.empty() || limit.source.empty());
    EXPECT_FALSE(limit.rules.empty()) << limit.name;
    EXPECT_GT(length_for(limit), 0);
    EXPECT_TRUE(shows(limit, length_for(limit), 1e-3));
    EXPECT_FALSE(shows(limit, 0.99 * length_for(limit), 1e-3));
  }
  EXPECT_GE(grid_limits().size(), 8u);
}

}  // namespace
}  // namespace lockstep
