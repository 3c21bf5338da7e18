#include "engine/power/chip_power.hpp"

#include <algorithm>

namespace lockstep {
namespace {

/// Of a host, with a watt of its chip.
double host_per_watt(const Power& power, const Chip& chip) {
  const double range = chip.tdp - chip.idle_power;
  return range > 0 ? power.host_following * chip.host_power / range : 0;
}

}  // namespace

ChipPower chip_power(const Power& power, const Chip& chip) {
  const double cap = std::min(power.cap.value_or(chip.tdp), chip.tdp);
  // Cap and filler act on what software does, the floor is the chip's own.
  const auto phase = [&](double share, double least, double floor) {
    const double watts = std::max(share, least) * chip.tdp;
    return std::max(power.cap ? std::min(watts, *power.cap) : watts, floor * chip.tdp);
  };
  const auto wait = [&](double share) {
    return phase(share, power.filler, power.floor_in_waits());
  };
  const double communication = wait(power.communication);
  return {.idle = chip.idle_power,
          .context = chip.context_power,
          .compute = phase(power.compute, 0, power.floor),
          .communication = communication,
          .waiting = power.waiting ? wait(*power.waiting) : communication,
          .peak = std::max(power.overshoot * cap, power.floor * chip.tdp)};
}

ChipPower chip_demand(Power power, const Chip& chip) {
  power.floor = 0;
  power.tuned = false;
  return chip_power(power, chip);
}

double supply_per_watt(const Power& power, const Chip& chip) {
  return (1 + host_per_watt(power, chip)) / power.conversion_efficiency;
}

ChipPower supply_power(const Power& power, const Chip& chip) {
  const double per_watt = host_per_watt(power, chip);
  const double still = (1 - power.host_following) * chip.host_power;
  ChipPower all = chip_power(power, chip);
  for (double* watts :
       {&all.idle, &all.context, &all.compute, &all.communication, &all.waiting, &all.peak})
    *watts = (*watts + still + per_watt * (*watts - chip.idle_power)) / power.conversion_efficiency;
  return all;
}

double meter_factor(const Power& power) {
  return power.pue / (1 - power.network_share);
}

}  // namespace lockstep
