#pragma once

#include <array>
#include <string>
#include <vector>

#include "engine/training/capability/metric.hpp"

namespace lockstep {

/// Windows of power_ramp [s].
inline constexpr std::array<double, 3> ramp_windows{1, 15, 60};

/// Bands of power_band [Hz].
struct PowerBand {
  double low, high;
};
inline constexpr std::array<PowerBand, 7> power_bands{
    {{0.1, 1}, {1, 2.5}, {7, 100}, {0.1, 20}, {0.1, 5}, {5, 55}, {0.1, 55}}};

/// What the power of one trial's steps was, of all jobs and idle chips together, at the site's
/// meter. NaN: the trace is too short or too coarse.
struct MeteredTrial {
  double mean = 0, peak = 0, trough = 0, swing = 0;         ///< [W]
  std::array<double, ramp_windows.size()> ramp{};           ///< [W]
  std::array<double, ramp_windows.size()> start{}, stop{};  ///< [W]
  double peak_to_peak = 0;                                  ///< [W]
  std::array<double, power_bands.size()> band{};            ///< [W]
  double line_share = 0, line_frequency = 0;  ///< frequency NaN where nothing swings [Hz]
  std::vector<double> compliance = {}, largest_fleet = {};  ///< (utilities' limits, own)
  double failure_drop = 0;                                  ///< [W]
  double energy_per_step = 0;                               ///< [J]
  double energy_per_token = 0;                              ///< NaN with job.compute_time [J]
  double smoothing_time = 0;                                ///< [s]
  double energy_overhead = 0, slowdown = 0;  ///< over the same trial without smoothing
};

std::span<const MetricOf<MeteredTrial>> power_metrics();
std::vector<Extent> power_extents();

/// "0.1-55Hz".
std::string text_of(const PowerBand& band);

}  // namespace lockstep
