#pragma once

#include <vector>

#include "engine/base/field.hpp"
#include "engine/job/job.hpp"

namespace lockstep {

/// Rows of how the job is split over chips.
const std::vector<Field<Job>>& plan_fields();
/// Rows of what its chips send each other.
const std::vector<Field<Job>>& communication_fields();

}  // namespace lockstep
