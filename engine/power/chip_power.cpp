#include "engine/power/chip_power.hpp"

#include <algorithm>

namespace lockstep {

ChipPower chip_power(const Power& power, const Chip& chip) {
  const double cap = std::min(power.cap.value_or(chip.tdp), chip.tdp);
  // Cap and filler act on what software does, the floor is the chip's own.
  const auto phase = [&](double share, double least) {
    const double watts = std::max(share, least) * chip.tdp;
    return std::max(power.cap ? std::min(watts, *power.cap) : watts, power.floor * chip.tdp);
  };
  const double communication = phase(power.communication, power.filler);
  return {.idle = chip.idle_power,
          .context = chip.context_power,
          .compute = phase(power.compute, 0),
          .communication = communication,
          .waiting = power.waiting ? phase(*power.waiting, power.filler) : communication,
          .peak = std::max(power.overshoot * cap, power.floor * chip.tdp)};
}

ChipPower supply_power(const Power& power, const Chip& chip) {
  const double range = chip.tdp - chip.idle_power;
  const double per_watt = range > 0 ? power.host_following * chip.host_power / range : 0;
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
