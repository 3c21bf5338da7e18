#pragma once

#include <cmath>
#include <cstdint>

namespace lockstep {

/// Virtual time of serving: whole picoseconds, so that sums do not depend on their order. 106 days
/// fit.
using Ticks = std::int64_t;

inline constexpr double ticks_per_second = 1e12;

inline Ticks ticks_of(double seconds) {
  return std::llround(seconds * ticks_per_second);
}
inline double seconds_of(Ticks ticks) {
  return static_cast<double>(ticks) / ticks_per_second;
}

}  // namespace lockstep
