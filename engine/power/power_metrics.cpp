#include "engine/power/power_metrics.hpp"

#include <fmt/format.h>

#include "engine/power/grid/grid_limits.hpp"

namespace lockstep {
namespace {

using T = MeteredTrial;

template <double T::*member>
std::span<const double> of_trial(const T& trial) {
  return std::span(&(trial.*member), 1);
}

Metric row(std::string_view name, std::string_view unit, std::string_view meaning) {
  return {.variable = {std::string(name), {}, std::string(unit), std::string(meaning)},
          .support = Support::quantity()};
}

/// Over a dimension of its own.
Metric at_each(std::string_view extent, Metric metric) {
  metric.variable.extents = {std::string(extent)};
  return metric;
}

/// NaN where the trace does not show it.
Metric over(std::string_view extent, Metric metric) {
  metric.of_each_trial = false;
  return at_each(extent, std::move(metric));
}

Metric where_shown(Metric metric) {
  metric.of_each_trial = false;
  return metric;
}

Metric share(Metric metric) {
  metric.support.most = 1;
  return metric;
}

Metric yes_or_no(Metric metric) {
  metric.support = Support::yes_or_no();
  return metric;
}

/// Of any sign.
Metric any(Metric metric) {
  metric.support = {};
  return metric;
}

/// To be drawn; NaN where it is not kept.
Metric course(std::string_view extent, Metric metric) {
  metric.is_course = true;
  return over(extent, std::move(metric));
}

Metric of_work(Metric metric) {
  metric.needs_work = true;
  metric.of_each_trial = false;
  return metric;
}

}  // namespace

std::span<const MetricOf<MeteredTrial>> power_metrics() {
  static const std::vector<MetricOf<MeteredTrial>> rows{
      {row("power_mean", "W", "power at the site's meter, mean of recorded steps"),
       of_trial<&T::mean>},
      {row("power_peak", "W", "the highest value of its trace"), of_trial<&T::peak>},
      {row("power_trough", "W", "the lowest value of its trace"), of_trial<&T::trough>},
      {row("power_swing", "W", "power_peak less power_trough"), of_trial<&T::swing>},
      {over("ramp_window",
            row("power_ramp", "W",
                "largest difference of two values of the trace within a window; none where the "
                "trace is shorter")),
       [](const T& t) { return std::span<const double>(t.ramp); }},
      {where_shown(row("power_peak_to_peak", "W",
                       "largest difference within any 5 s; none where the trace is shorter")),
       of_trial<&T::peak_to_peak>},
      {over("band", row("power_band", "W",
                        "root mean square of what swings within a band; none where the trace holds "
                        "less than three periods of it, or less than two values a period")),
       [](const T& t) { return std::span<const double>(t.band); }},
      {share(row("power_line_share", "1",
                 "of the energy of what swings, that at the strongest line of the spectrum")),
       of_trial<&T::line_share>},
      {where_shown(row("power_line_frequency", "Hz", "of that line; none where nothing swings")),
       of_trial<&T::line_frequency>},
      {over("limit",
            yes_or_no(row("power_compliance", "1",
                          "1 where a limit is met, 0 where not; none where the trace is too "
                          "short or too coarse for it, or it is not asked"))),
       [](const T& t) { return std::span<const double>(t.compliance); }},
      {over("limit",
            row("power_largest_fleet", "1",
                "chips of the largest fleet of this mix that meets it, all swinging alike; "
                "none as above, or where nothing swings")),
       [](const T& t) { return std::span<const double>(t.largest_fleet); }},
      {row("power_failure_drop", "W",
           "from power_peak to all chips of the jobs holding a context with nothing to run, as "
           "when they fail"),
       of_trial<&T::failure_drop>},
      {at_each("ramp_window",
               row("power_start", "W",
                   "largest rise within a window when the jobs start, from a context alone to "
                   "compute; without storage")),
       [](const T& t) { return std::span<const double>(t.start); }},
      {at_each("ramp_window",
               row("power_stop", "W",
                   "largest fall within a window when all jobs stop together, from compute to a "
                   "context alone; without storage")),
       [](const T& t) { return std::span<const double>(t.stop); }},
      {row("energy_per_step", "J", "mean power x mean time of a step, of all jobs"),
       of_trial<&T::energy_per_step>},
      {of_work(row("energy_per_token", "J", "mean power over tokens a second of all jobs")),
       of_trial<&T::energy_per_token>},
      {row("power_smoothing_time", "s",
           "time of a step in which a chip's own floor holds it above what its phase asks for, "
           "mean "
           "of the jobs' chips: what wears it"),
       of_trial<&T::smoothing_time>},
      {any(row("energy_overhead", "1",
               "energy_per_step over that of the same trial without floor, box, filler, storage "
               "and cap, less 1")),
       of_trial<&T::energy_overhead>},
      {any(row("power_slowdown", "1", "the same of the mean time of a step")),
       of_trial<&T::slowdown>},
      {course("time", row("power_trace", "W",
                          "power at the site's meter, means of the time to the next value; of the "
                          "first power.traces trials")),
       [](const T& t) { return std::span<const double>(t.trace); }},
      {course("frequency", row("power_spectrum", "W",
                               "root mean square of what swings within a twentieth of a decade, of "
                               "the whole trace; of the same trials, none as of power_band")),
       [](const T& t) { return std::span<const double>(t.spectrum); }},
  };
  return rows;
}

std::string text_of(const PowerBand& band) {
  return fmt::format("{}-{}Hz", band.low, band.high);
}

std::vector<Extent> power_extents() {
  std::vector<std::string> windows, bands, limits;
  for (const double window : ramp_windows)
    windows.push_back(format_quantity(window, Dimension::time));
  for (const PowerBand& band : power_bands) bands.push_back(text_of(band));
  for (const GridLimit& limit : grid_limits()) limits.emplace_back(limit.name);
  limits.emplace_back(own_limit_name);
  return {{"ramp_window", windows, "window of power_ramp"},
          {"band", bands, "band of frequencies"},
          {"limit", limits, "utility's limit of a load's swing"}};
}

}  // namespace lockstep
