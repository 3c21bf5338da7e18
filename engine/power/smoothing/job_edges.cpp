#include "engine/power/smoothing/job_edges.hpp"

#include <algorithm>
#include <limits>

namespace lockstep {
namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

/// Calls with (job, generation, chips, watts at supplies for a chip's watt) for all that are there.
template <class Function>
void for_each_kind(const std::vector<MeteredJob>& jobs, Function function) {
  for (std::size_t j = 0; j < jobs.size(); ++j)
    for (std::size_t g = 0; g < jobs[j].chips.size(); ++g)
      if (const double chips = jobs[j].job->chips_by_generation()[g]; chips > 0)
        function(j, g, chips * jobs[j].per_watt[g]);
}

}  // namespace

void RisingPower::rise(double time, double watts, double slope) {
  if (watts <= 0) return;
  if (slope == unlimited) return jump(time, watts);
  changes_.push_back({time, 0, slope});
  changes_.push_back({time + watts / slope, 0, -slope});
}

double RisingPower::at(double time, bool with_jumps) const {
  double watts = 0;
  for (const Change& change : changes_)
    if (change.time < time || (with_jumps && change.time == time))
      watts += change.watts + change.slope * (time - change.time);
  return watts;
}

double RisingPower::largest(double window) const {
  double largest = 0;
  for (const Change& change : changes_)
    for (const double begin : {change.time, change.time - window}) {
      // The end of a window that begins at a change, without rounding it away from the next one.
      const double end = begin == change.time ? begin + window : change.time;
      largest = std::max(largest, at(end, true) - at(begin, false));
    }
  return largest;
}

RisingPower start_of(const std::vector<MeteredJob>& jobs, const Power& power) {
  RisingPower start;
  const double ramp = power.ramp_up.value_or(unlimited);
  for_each_kind(jobs, [&](std::size_t j, std::size_t g, double per_watt) {
    const ChipPower& draws = jobs[j].draws[g];
    const double first = power.overshoot_time > 0 ? draws.context + ramp * power.overshoot_time : 0;
    const double watts = std::max(draws.compute, std::min(draws.peak, first)) - draws.context;
    start.rise(static_cast<double>(j) * power.stagger, per_watt * watts, per_watt * ramp);
  });
  return start;
}

RisingPower stop_of(const std::vector<MeteredJob>& jobs, const Power& power) {
  RisingPower stop;
  const double ramp = power.ramp_down.value_or(unlimited);
  for_each_kind(jobs, [&](std::size_t j, std::size_t g, double per_watt) {
    const ChipPower& draws = jobs[j].draws[g];
    const Chip& chip = jobs[j].job->scenario().fleet.generations[g].chip;
    const double floor = std::max(draws.context, power.floor_in_waits() * chip.tdp);
    stop.jump(0, per_watt * std::max(0.0, draws.compute - floor));
    stop.rise(power.stop_delay.value_or(0), per_watt * (floor - draws.context), per_watt * ramp);
  });
  return stop;
}

}  // namespace lockstep
