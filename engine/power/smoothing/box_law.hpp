#pragma once

#include <array>
#include <limits>

#include "engine/machine/chip.hpp"
#include "engine/power/power.hpp"

namespace lockstep {

/// What holds a chip while it waits, as a straight line over [begin, end) [W], [s].
struct BoxLine {
  double begin, end, watts, slope;
  double at(double time) const { return slope == 0 ? watts : watts + slope * (time - begin); }
};

/// The box of a chip from when it stops computing until it computes again:
///
///   from          fall         rise       begin
///     | rises, is up | falls ... | rises ... | level
///
/// It falls after the stop delay from the floor that it held, and rises from what the wait draws at
/// least. Where the wait is shorter, fall = rise = begin.
struct BoxWait {
  double from = 0, fall = 0, rise = 0, begin = 0;  ///< [s]
  double level = 0;                                ///< at `from` [W]
  double held = 0, lowest = 0;                     ///< when it falls, and when it rises [W]
  double next = 0;                                 ///< at `begin`, and until compute begins [W]

  /// The same where times count from `later`.
  void shift(double later);
};

/// Hardware smoothing of the chips of one generation (Choukse et al., 2025; nvidia-smi's power
/// smoothing). The box is what the chip's power moves in freely; its level is how far it is open.
/// Down, a chip draws what its wait asks for; ramping, no more than the level and, where it asks
/// for less, no less than the level or the floor; up, no less than the floor.
///
/// Work at a power P below what it asks for runs at the speed s of (P - idle) = (full - idle) s^g.
/// Waits draw what they ask for whatever the level. The optimizer's update, milliseconds bound by
/// memory, neither wakes the box nor takes longer in it.
struct BoxLaw {
  double idle = 0, full = 0, peak = 0, waiting = 0;  ///< what is asked for; `peak` opens it all [W]
  double floor = 0;                                  ///< in waits [W]
  double ramp_up = 0, ramp_down = 0;                 ///< infinite: at once [W/s]
  double stop_delay = 0, lead = 0;                   ///< [s]
  double exponent = 1;                               ///< g

  /// By how much compute of `work` [s] at full speed takes longer where the level is `level` when
  /// it begins and the chip computes for `share` of the time. In closed form:
  ///   x0 = (level - idle) / (full - idle), x rises to 1; of the ramp's time is lost
  ///   1 - g / (1 + g) (1 - x0^((1 + g) / g)) / (1 - x0).
  double lost_time(double level, double work, double share) const;
  /// The level after so long a time of rising [W].
  double risen(double level, double time) const;
  /// A wait up to the next compute at `begin`, as software knows it.
  BoxWait wait(double from, double level, double begin) const;
  /// What is open all the time.
  BoxWait open() const;
  bool is_open(const BoxWait& wait) const { return wait.level >= peak && wait.lowest >= peak; }
  /// The level in a wait; the last line ends nowhere.
  std::array<BoxLine, 4> lines(const BoxWait& wait) const;
};

/// Of a study that gives power.stop_delay.
BoxLaw box_law(const Power& power, const Chip& chip);

}  // namespace lockstep
