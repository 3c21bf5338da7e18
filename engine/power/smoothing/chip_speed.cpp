#include "engine/power/smoothing/chip_speed.hpp"

#include <fmt/format.h>

#include "engine/base/elementary.hpp"
#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"
#include "engine/power/chip_power.hpp"
#include "engine/power/smoothing/chip_boxes.hpp"

namespace lockstep {

double speed_at(double watts, double full, double idle, double exponent) {
  if (watts >= full) return 1;
  return elementary::pow((watts - idle) / (full - idle), 1 / exponent);
}

double speed_left(const Power& power, const Chip& chip) {
  double speed = power.filler > 0 ? 1 / (1 + power.filler_slowdown) : 1;
  if (!power.cap) return speed;
  if (*power.cap <= chip.idle_power)
    throw InputError(fmt::format("power.cap = {} ({} idles at {}) give it more",
                                 format_quantity(*power.cap, Dimension::power),
                                 with_article(chip.name),
                                 format_quantity(chip.idle_power, Dimension::power)));
  return speed *
         speed_at(*power.cap, power.compute * chip.tdp, chip.idle_power, power.cap_exponent);
}

void slow_down(Scenario& job, const Values& values) {
  const Power power = power_from(values);
  if (!power.meters) return;
  for (FleetGeneration& generation : job.fleet.generations)
    generation.chip.stack *= speed_left(power, generation.chip);
  if (power.stop_delay)
    job.stage_delay =
        std::make_shared<BeginStageDelay::element_type>([power](const DesignPoint& point) {
          std::vector<BoxLaw> laws;
          for (const FleetGeneration& generation : point.scenario().fleet.generations)
            laws.push_back(box_law(power, generation.chip));
          return std::make_unique<ChipBoxes>(point, std::move(laws));
        });
  // Which is the first generation's.
  if (job.job.compute_time)
    *job.job.compute_time /= speed_left(power, job.fleet.generations.front().chip);
}

}  // namespace lockstep
