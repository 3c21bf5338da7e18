#pragma once

#include <array>
#include <string>
#include <vector>

#include "engine/power/grid/spectrum.hpp"
#include "engine/power/power.hpp"
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
  double energy_overhead = 0, slowdown = 0;       ///< over the same trial without smoothing
  std::vector<double> trace = {}, spectrum = {};  ///< PowerCourse's; empty where it is not kept [W]
};

std::span<const MetricOf<MeteredTrial>> power_metrics();
std::vector<Extent> power_extents();

/// What the file keeps of a trace: means from its begin on, a value every `spacing` s; and of its
/// spectrum, the root mean squares of bands of a twentieth of a decade.
struct PowerCourse {
  explicit PowerCourse(const Power& power);
  double spacing;
  std::size_t values;
  static constexpr std::size_t most_values = 2000, bands = 94;
  /// Lower end of a band, from 0.01 to 500 Hz.
  static double frequency(std::size_t band);

  std::vector<double> trace(std::span<const double> watts, double resolution) const;
  static std::vector<double> spectrum(std::span<const double> watts, double resolution,
                                      const Spectrum& spectrum);
};
std::vector<Extent> power_course_extents(const Values& values);

/// "0.1-55Hz".
std::string text_of(const PowerBand& band);

}  // namespace lockstep
