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
std::vector<AskedOperation> asked_operations(const Scenario& scenario, std::int64_t replicas);

}  // namespace lockstep
