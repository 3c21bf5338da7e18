#pragma once

#include <limits>

#include "engine/network/collective.hpp"

namespace lockstep {

/// An all-reduce of all groups without noise, all ranks ready at 0: when the last has finished [s].
/// What kinds choose by among protocols and chunks: the least of times each of which grows with
/// bytes and latency, so that more of a resource is never slower. Cost: one all-reduce.
double noise_free_time(const CollectiveTrial& trial, std::int64_t groups, std::int64_t ranks);

/// The first of `count` candidates whose time(candidate) is least; one alone is not timed.
template <class Time>
std::size_t fastest(std::size_t count, const Time& time) {
  std::size_t best = 0;
  if (count == 1) return best;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t candidate = 0; candidate < count; ++candidate) {
    const double t = time(candidate);
    if (!(t < least)) continue;
    least = t;
    best = candidate;
  }
  return best;
}

}  // namespace lockstep
