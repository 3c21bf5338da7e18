#include "engine/power/chip_power.hpp"

namespace lockstep {

ChipPower chip_power(const Power& power, const Chip& chip) {
  const double communication = power.communication * chip.tdp;
  return {.idle = chip.idle_power,
          .context = chip.context_power,
          .compute = power.compute * chip.tdp,
          .communication = communication,
          .waiting = power.waiting ? *power.waiting * chip.tdp : communication,
          .peak = power.peak * chip.tdp};
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
