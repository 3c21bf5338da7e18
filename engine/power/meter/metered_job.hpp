#pragma once

#include <vector>

#include "engine/power/chip_power.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// What the meter of a job needs and no step changes.
struct MeteredJob {
  MeteredJob(const DesignPoint& point, const Power& power);

  const DesignPoint* job;
  double peak_time, resolution;  ///< [s]
  std::vector<ChipPower> chips;  ///< (generations) at supplies [W]
  /// (generations) at the chip: what its work asks for, and what it draws with its floor [W].
  std::vector<ChipPower> asks, draws;
  std::vector<double> per_watt;  ///< (generations) at supplies
  double waiting = 0;            ///< of all chips of the job in this phase [W]
  double context = 0;            ///< the same
  double idle = 0;               ///< of the fleet's chips that are in no job [W]
  /// (generations, pipeline) what a microbatch's phases of layers expose without noise [s].
  std::vector<double> layers;

  /// Whether the chip's own floor holds any phase above what it asks for.
  bool has_floor() const;
};

}  // namespace lockstep
