#include "engine/power/meter/metered_job.hpp"

namespace lockstep {

MeteredJob::MeteredJob(const DesignPoint& point, const Power& power)
    : job(&point),
      peak_time(power.overshoot_time),
      resolution(power.resolution),
      layers(point.planned_phases().exposed_of_microbatch(point.phases().size(), {})) {
  const Fleet& fleet = point.scenario().fleet;
  for (std::size_t g = 0; g < fleet.generations.size(); ++g) {
    const Chip& chip = fleet.generations[g].chip;
    chips.push_back(supply_power(power, chip));
    asks.push_back(chip_demand(power, chip));
    draws.push_back(chip_power(power, chip));
    per_watt.push_back(supply_per_watt(power, chip));
    const double used = point.chips_by_generation()[g];
    waiting += chips[g].waiting * used;
    context += chips[g].context * used;
    idle += chips[g].idle * (static_cast<double>(fleet.generations[g].chips) - used);
  }
}

bool MeteredJob::has_floor() const {
  for (std::size_t g = 0; g < asks.size(); ++g)
    if (draws[g].compute > asks[g].compute || draws[g].communication > asks[g].communication ||
        draws[g].waiting > asks[g].waiting)
      return true;
  return false;
}

}  // namespace lockstep
