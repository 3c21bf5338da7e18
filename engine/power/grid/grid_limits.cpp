#include "engine/power/grid/grid_limits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/elementary.hpp"
#include "engine/power/swing.hpp"

namespace lockstep {
namespace {

constexpr double MW = 1e6, minute = 60;
constexpr double slowest = 0.1, fastest = 55;  // of oscillations, where no band is said [Hz]

/// At most so much within any window of some seconds.
GridRule change(double watts, double window, double share = 1e300) {
  return {.measure = GridMeasure::change, .watts = watts, .share = share, .window = window};
}

}  // namespace

std::span<const GridLimit> grid_limits() {
  static const std::vector<GridLimit> rows{
      {.name = "ercot_2026",
       .summary = "10 MW from peak to peak in any 5 s (0.1-55 Hz; here at all frequencies)",
       .status = "proposed June 2026, recommended September 2026",
       .source = "ERCOT, large electronic loads",
       .rules = {change(10 * MW, 5)}},
      {.name = "ercot_nprr1191",
       .summary = "a minute's rise of 8 MW or 2 % (falls of 20 MW or 5 % are met with it)",
       .status = "proposed 2023",
       .source = "ERCOT, NPRR 1191",
       .rules = {change(8 * MW, minute, 0.02)}},
      {.name = "ieso",
       .summary = "20 MW in any minute, 5 MW in any 15 s, oscillation of 2.5 MW or 0.25 %",
       .status = "in force, loads above 10 MW",
       .source = "IESO, version 3.0",
       .from = 10 * MW,
       .rules = {change(20 * MW, minute),
                 change(5 * MW, 15),
                 {.measure = GridMeasure::line,
                  .watts = 2.5 * MW,
                  .share = 0.0025,
                  .low = slowest,
                  .high = fastest}}},
      {.name = "caiso",
       .summary = "an average ramp of 20 MW/min over any 10 minutes",
       .status = "straw proposal June 2026",
       .source = "CAISO",
       .rules = {{.measure = GridMeasure::ramp, .watts = 200 * MW, .window = 10 * minute}}},
      {.name = "southern",
       .summary = "20 MW in any minute, 10 MW in any 5 s (4-6 s)",
       .status = "as listed",
       .source = "Southern Company",
       .rules = {change(20 * MW, minute), change(10 * MW, 5)}},
      {.name = "atc",
       .summary = "30 MW in any minute, 25 MW in any 5 s",
       .status = "as listed, loads above 50 MW",
       .source = "American Transmission Company",
       .from = 50 * MW,
       .rules = {change(30 * MW, minute), change(25 * MW, 5)}},
      {.name = "aeso",
       .summary = "10 MW in any minute",
       .status = "as listed",
       .source = "AESO",
       .rules = {change(10 * MW, minute)}},
      {.name = "lipa",
       .summary = "10 MW within 0.1-5 Hz, 3.5 MW within 5-55 Hz",
       .status = "as listed",
       .source = "LIPA",
       .rules = {{.measure = GridMeasure::band, .watts = 10 * MW, .low = 0.1, .high = 5},
                 {.measure = GridMeasure::band, .watts = 3.5 * MW, .low = 5, .high = 55}}},
  };
  return rows;
}

GridLimit own_limit(std::optional<double> swing, std::optional<double> ramp) {
  GridLimit limit{.name = own_limit_name,
                  .summary = "power.swing_limit within any 5 s, power.ramp_limit within any minute",
                  .status = "the study's own",
                  .source = "the study",
                  .rules = {}};
  if (swing) limit.rules.push_back(change(*swing, 5));
  if (ramp) limit.rules.push_back(change(*ramp, minute));
  return limit;
}

std::size_t window_bins(double window, double resolution) {
  return static_cast<std::size_t>(std::max(1.0, window / resolution + 0.5));
}

double GridTrace::measured(const GridRule& rule) const {
  const double amplitude = elementary::sqrt(2);
  switch (rule.measure) {
    case GridMeasure::change:
      return largest_change(trace_, window_bins(rule.window, resolution_));
    case GridMeasure::ramp: {
      const std::size_t apart = window_bins(rule.window, resolution_);
      double largest = 0;
      for (std::size_t b = apart; b < trace_.size(); ++b)
        largest = std::max(largest, std::abs(trace_[b] - trace_[b - apart]));
      return largest;
    }
    case GridMeasure::line:
      return amplitude * spectrum_.largest_line(rule.low, rule.high).rms;
    case GridMeasure::band:
      return 2 * amplitude * spectrum_.rms(rule.low, rule.high);
  }
  return 0;
}

double GridTrace::room(const GridRule& rule) const {
  const double value = measured(rule);
  if (value > rule.share * mean_) return 0;
  return value > 0 ? rule.watts / value : std::numeric_limits<double>::infinity();
}

double GridTrace::room(const GridLimit& limit) const {
  if (limit.rules.empty() || !shows(limit, length(), resolution_))
    return std::numeric_limits<double>::quiet_NaN();
  double least = std::numeric_limits<double>::infinity();
  for (const GridRule& rule : limit.rules) least = std::min(least, room(rule));
  return std::max(least, limit.from / mean_);
}

bool shows(const GridLimit& limit, double length, double resolution) {
  if (length < length_for(limit) * (1 - 1e-9)) return false;
  return std::ranges::all_of(
      limit.rules, [&](const GridRule& rule) { return 2 * rule.high * resolution <= 1 + 1e-9; });
}

double length_for(const GridLimit& limit) {
  double longest = 0;
  for (const GridRule& rule : limit.rules)
    longest = std::max({longest, rule.window, rule.low > 0 ? Spectrum::periods / rule.low : 0});
  return longest;
}

}  // namespace lockstep
