#pragma once

#include "engine/training/design_point.hpp"

namespace lockstep {

/// What a trial of a job takes, in units of about 0.1 ns on one core, from counts of what it does:
/// chips drawn, groups and schedules computed, calls of phases that late messages, slow links or
/// single finishes ask for. Never timed, so that every machine finds the same.
struct TrainingCost {
  double beginning = 0;  ///< of a trial
  double steps = 0;      ///< of all of them, warm-up included
};
TrainingCost training_cost(const DesignPoint& point);

}  // namespace lockstep
