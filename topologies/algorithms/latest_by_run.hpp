#pragma once

#include <cstdint>

#include "engine/network/collective.hpp"

namespace lockstep {

/// What LatestFinish::run gives by a run of `trial`: to latest (last - first), where that is larger
/// than what it has. ready, after: (groups, ranks) of the whole job [s].
void latest_by_run(const CollectiveTrial& trial, const MessageNoise& noise,
                   std::int64_t first_group, std::int64_t last_group, std::int64_t ranks,
                   const double* ready, const double* after, double* latest);

}  // namespace lockstep
