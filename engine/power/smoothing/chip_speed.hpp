#pragma once

#include "engine/power/power.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

/// Power above idle grows as speed^g: the speed at `watts` of a chip that would draw `full`, of its
/// own, above `idle` <= watts [W]; 1 where watts reach it.
double speed_at(double watts, double full, double idle, double exponent);

/// Of a chip's own speed, what power.cap and the software filler leave. Throws InputError where the
/// cap is not above its idle power.
double speed_left(const Power& power, const Chip& chip);

/// Chips of a job's scenario at the speed that they are left, where the study meters power: it
/// enters what they compute before any collective.
void slow_down(Scenario& job, const Values& values);

}  // namespace lockstep
