#pragma once

#include <span>
#include <vector>

namespace lockstep {

/// What stores energy beside the chips of a fleet, all of it together.
struct Storage {
  double energy = 0;      ///< [J]
  double charge = 0;      ///< most that it takes [W]
  double discharge = 0;   ///< most that it gives [W]
  double efficiency = 1;  ///< of what it gives over what is taken out of it
  double window = 0;      ///< of the average that it follows [s]
};

/// A trace [W], a value every `resolution` [s], as the grid sees it behind the storage. That steers
/// for the average of the last `window` (before the trace its end stands for what was) and what
/// makes its losses good over the trace: it gives what the load is above that, and takes what it is
/// below, within its powers and its energy. It begins as full as its emptiest moment asks for.
/// Cost: O(trace), some fifty times with losses.
std::vector<double> smoothed(std::span<const double> trace, double resolution,
                             const Storage& storage);

}  // namespace lockstep
