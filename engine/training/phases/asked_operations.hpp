#pragma once

#include <cstdint>
#include <vector>

#include "engine/network/collective.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

/// What a step of so many replicas asks of a topology whose shape is open, as the step will expose
/// it (PlannedPhases, StepCourse): phases of layers in every microbatch and in the bubble, all that
/// can hide behind the same passes together; transfers as often as the pipeline waits for one; of
/// the phases of weights and gradients one chunk and what their window leaves of the others. Chips
/// as the slowest generation has them, stages alike.
struct AskedStep {
  std::vector<AskedOperation> operations;
  double computing = 0;  ///< a replica's passes, with the bubble [s]
};
AskedStep asked_step(const Scenario& scenario, std::int64_t replicas);

}  // namespace lockstep
