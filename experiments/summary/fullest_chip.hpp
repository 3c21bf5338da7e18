#pragma once

#include "engine/job/memory.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// Memory of the chip that holds the most in a job.
MemoryUse memory_of(const DesignPoint& job);

/// The least memory that a generation in the job has [B].
double least_memory(const DesignPoint& job);

}  // namespace lockstep
