#include "engine/power/smoothing/box_law.hpp"

#include <algorithm>

#include "engine/base/elementary.hpp"
#include "engine/power/chip_power.hpp"

namespace lockstep {
namespace {

constexpr double unlimited = std::numeric_limits<double>::infinity();

/// In no time at all, too, where nothing limits it.
double move(double slope, double time) {
  return slope == unlimited ? unlimited : slope * std::max(0.0, time);
}

BoxLine line(double begin, double end, double watts, double slope) {
  return {begin, end, watts, slope};
}

}  // namespace

void BoxWait::shift(double later) {
  for (double* time : {&from, &fall, &rise, &begin}) *time -= later;
}

double BoxLaw::lost_time(double level, double work, double share) const {
  if (level >= full || ramp_up == unlimited) return 0;
  const double range = full - idle, power = (1 + exponent) / exponent;
  const double x0 = std::max(0.0, level - idle) / range;
  const double rate = ramp_up / (share * range);  // by which x rises in a second of compute
  const double begun = elementary::pow(x0, power);
  constexpr double hardly = 1e-7;  // as it rises too little to be told from the level that it has
  if (power * rate * work < hardly * begun) return work * (elementary::pow(x0, -1 / exponent) - 1);
  const double ramp_work = (1 - begun) / (power * rate);
  if (work >= ramp_work) return (1 - x0) / rate - ramp_work;
  return (elementary::pow(begun + power * rate * work, 1 / power) - x0) / rate - work;
}

double BoxLaw::risen(double level, double time) const {
  return std::min(peak, level + move(ramp_up, time));
}

BoxWait BoxLaw::wait(double from, double level, double begin) const {
  BoxWait wait{.from = from, .begin = std::max(from, begin), .level = level};
  wait.rise = std::max(from, wait.begin - lead);
  wait.fall = from + stop_delay;
  if (wait.fall >= wait.rise) {
    wait.fall = wait.rise = wait.begin;
    wait.held = wait.lowest = wait.next = risen(level, wait.begin - from);
    return wait;
  }
  wait.held = std::min(risen(level, stop_delay), std::max(floor, waiting));
  wait.lowest = std::max(waiting, wait.held - move(ramp_down, wait.rise - wait.fall));
  wait.next = risen(wait.lowest, wait.begin - wait.rise);
  return wait;
}

BoxWait BoxLaw::open() const {
  return {.level = peak, .held = peak, .lowest = peak, .next = peak};
}

std::array<BoxLine, 4> BoxLaw::lines(const BoxWait& wait) const {
  const double up = ramp_up == unlimited ? 0 : ramp_up;
  const bool sinks = ramp_down == unlimited;
  return {line(wait.from, wait.fall, wait.level, wait.level >= peak ? 0 : up),
          line(wait.fall, wait.rise, sinks ? wait.lowest : wait.held, sinks ? 0 : -ramp_down),
          line(wait.rise, wait.begin, ramp_up == unlimited ? peak : wait.lowest, up),
          line(wait.begin, unlimited, wait.next, 0)};
}

BoxLaw box_law(const Power& power, const Chip& chip) {
  const ChipPower asks = chip_demand(power, chip), draws = chip_power(power, chip);
  BoxLaw law{.idle = asks.idle,
             .full = asks.compute,
             .peak = std::max({asks.peak, draws.peak, draws.compute}),
             .waiting = asks.waiting,
             .floor = power.floor_in_waits() * chip.tdp,
             .ramp_up = power.ramp_up.value_or(unlimited),
             .ramp_down = power.ramp_down.value_or(unlimited),
             .stop_delay = power.stop_delay.value_or(unlimited),
             .exponent = power.cap_exponent};
  if (power.tuned && law.ramp_up != unlimited)
    law.lead = power.lead.value_or(std::max(0.0, law.full - law.waiting) / law.ramp_up);
  return law;
}

}  // namespace lockstep
