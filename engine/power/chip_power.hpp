#pragma once

#include "engine/machine/chip.hpp"
#include "engine/power/power.hpp"

namespace lockstep {

/// What a chip of one generation takes in each phase [W].
struct ChipPower {
  double idle = 0;     ///< no job holds it
  double context = 0;  ///< a job holds it, nothing runs
  double compute = 0;
  double communication = 0;
  double waiting = 0;
  double peak = 0;  ///< when compute begins
};

/// At the chip, with the floor, the filler and the cap that there are.
ChipPower chip_power(const Power& power, const Chip& chip);
/// The same without the chip's own floor: what its work asks for.
ChipPower chip_demand(Power power, const Chip& chip);

/// Of chips and their hosts where supplies take it: a chip of power P takes
///   (P + host (1 - f + f (P - idle) / (TDP - idle))) / efficiency,
/// f = power.host_following. Linear, so that sums over chips are those of their phases.
ChipPower supply_power(const Power& power, const Chip& chip);

/// By how much that rises with a watt of the chip.
double supply_per_watt(const Power& power, const Chip& chip);

/// Mean power at the meter over that of supplies.
double meter_factor(const Power& power);

}  // namespace lockstep
