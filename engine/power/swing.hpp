#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lockstep {

/// Mean, highest and lowest value of a trace [W].
struct Swing {
  double mean = 0, peak = 0, trough = 0;
};

/// Of a trace of at least one bin.
Swing swing_of(std::span<const double> trace);

/// The largest difference of two values that lie within `bins` neighbouring bins, of all such
/// windows [W]; NaN where the trace is shorter than one. Cost: O(trace), whatever the window.
double largest_change(std::span<const double> trace, std::size_t bins);

}  // namespace lockstep
