#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/network/collective.hpp"
#include "engine/run/plan_search/plan_choices.hpp"
#include "engine/run/plan_search/plan_price.hpp"

namespace lockstep {

/// What became of the plans of a search.
struct PlanRanking {
  std::vector<PricedPlan> best;  ///< by MFU, the best first; like ones in the order of the search
  std::int64_t plans = 0;        ///< tried
  std::int64_t impossible = 0;   ///< refused by the model
  std::int64_t too_large = 0;    ///< beyond the memory of a chip
  std::int64_t behind = 0;       ///< that a bound shows not to be among the best
  std::int64_t priced = 0;
  /// Values tried of the keys that are searched, small ones first. (plan_keys)
  std::array<std::vector<std::string>, plan_keys.size()> tried;
};

/// The most plans of a search, and the longest that it may take [s].
inline constexpr std::int64_t most_plans = 1'000'000;
inline constexpr double longest_search = 600;

/// Ranks all plans by their step without noise and finds the best `top` of them. Branch and bound:
/// plans are taken in the order of what they cannot exceed, first by compute and pipeline alone
/// (estimate_job), then with the traffic of layers (least_traffic), then by a step of few replicas
/// (least_time_of_few), then exactly, in batches of a fixed size, until none can be among the best:
/// the same for any number of threads. Throws InputError where no plan is possible or fits, and
/// where the search is too large, naming the keys to write into the study; Interrupted where it is
/// given up.
PlanRanking rank_plans(const PlanChoices& choices, std::size_t top, std::uint64_t seed,
                       std::span<const Parameter> rows,
                       std::span<const TopologyKind* const> topologies, const Execution& how);

}  // namespace lockstep
