#pragma once

#include <vector>

#include "engine/power/meter/metered_job.hpp"
#include "engine/power/power.hpp"

namespace lockstep {

/// Power that only rises, as jumps and bends in time [W], [s].
class RisingPower {
 public:
  void jump(double time, double watts) { changes_.push_back({time, watts, 0}); }
  /// Rises by `watts` from `time` on, by `slope` a second; a slope without end is a jump.
  void rise(double time, double watts, double slope);
  /// The largest rise within any window so long [W].
  double largest(double window) const;

 private:
  struct Change {
    double time, watts, slope;
  };
  double at(double time, bool with_jumps) const;

  std::vector<Change> changes_;
};

/// All jobs from their context alone to compute, power.stagger apart: by power.ramp_up, its peak
/// within power.overshoot_time included. At supplies.
RisingPower start_of(const std::vector<MeteredJob>& jobs, const Power& power);
/// All jobs together from compute to their context alone, as the power that they no longer draw:
/// at once to the floor, and after power.stop_delay (none: software lowers the box) by
/// power.ramp_down.
RisingPower stop_of(const std::vector<MeteredJob>& jobs, const Power& power);

}  // namespace lockstep
