#pragma once

#include <limits>

namespace lockstep {

/// A number computed from trials, with the limits of its confidence interval. A limit that the
/// trials are too few to give is infinite: upper = inf reads "the value lies above lower". All
/// three are NaN where there is no trial.
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  double lower = std::numeric_limits<double>::quiet_NaN();
  double upper = std::numeric_limits<double>::quiet_NaN();
};

/// The level of every interval that is shown: both limits together miss one study in twenty.
inline constexpr double shown_level = 0.95;

}  // namespace lockstep
