#pragma once

#include <cstdint>
#include <string>

#include "engine/run/plan.hpp"

namespace lockstep {

/// What a run is expected to take, from steps timed here and now. No result depends on it.
struct RunEstimate {
  double seconds = 0;            ///< of the whole run with `threads` [s]
  double memory = 0;             ///< largest, of the process [B]
  std::int64_t points = 0;       ///< design points timed; 0: from the plan's figures alone
  std::int64_t steps = 0;        ///< timed, at all of them together
  double measuring_seconds = 0;  ///< that this took [s]
};

/// Times some steps of the cheapest design point and of the costliest ones, on one thread, for
/// about `budget_seconds`; the others by the plan's cost figures, scaled as at the timed point
/// whose cost is nearest. A point of which one step would take longer than what is left is not
/// timed.
RunEstimate estimate_run(const Plan& plan, int threads, double budget_seconds);

/// "about 4 min with 2 threads, about 97 MB of memory (...)", with what was measured.
std::string estimate_text(const Plan& plan, const RunEstimate& estimate, int threads);

}  // namespace lockstep
