#pragma once

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

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

/// The same, where at_least(candidate) is known to be no more than its time, but for rounding:
/// those that cannot be the fastest are not timed.
template <class AtLeast, class Time>
std::size_t fastest(std::size_t count, const AtLeast& at_least, const Time& time) {
  constexpr double rounding = 1e-9;
  std::vector<double> bound;
  for (std::size_t candidate = 0; candidate < count; ++candidate)
    bound.push_back(at_least(candidate) * (1 - rounding));
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t candidate) { return bound[candidate]; });
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t candidate : order) {
    if (count == 1 || bound[candidate] > least) break;
    const double t = time(candidate);
    if (t < least || (t == least && candidate < best)) best = candidate;
    least = std::min(least, t);
  }
  return best;
}

}  // namespace lockstep
