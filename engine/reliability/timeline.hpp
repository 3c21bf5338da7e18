#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/reliability/failures/node_runs.hpp"

namespace lockstep {

/// One thing that a run met, and what it did to the job.
struct TimelineEvent {
  double time = 0;         ///< since the run began [s]
  std::string_view cause;  ///< of failure_causes, or one of those below
  NodeSpan nodes = {};     ///< places of the job that it is about
  std::int64_t more = 0;   ///< other places with a straggler that leaves at the same time
  enum class Effect { none, stop, planned_stop, delay } effect = Effect::none;
  double delay = 0;  ///< of a delay [s]
  // Of a stop.
  double lost_work = 0;            ///< computed and not kept [s]
  double stopped = 0;              ///< when its state is saved, if it is planned [s]
  double complete = 0;             ///< when its nodes will be, unless something else comes [s]
  double running = 0;              ///< when it will compute again [s]
  std::int64_t missing_nodes = 0;  ///< that no spare stands for
  std::int64_t replicas = 0;       ///< that it will run with
};

inline constexpr std::string_view straggler_cause = "straggler", repair_cause = "repair";

/// In order of time.
using Timeline = std::vector<TimelineEvent>;

}  // namespace lockstep
