#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/execution.hpp"
#include "engine/network/collective.hpp"
#include "engine/run/plan_search/plan_choices.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {

/// A plan that was priced: its step without noise, chip spread included nowhere.
struct PricedPlan {
  ParallelPlan plan;
  double mfu = 0;        ///< over the peak of the whole fleet
  double step_time = 0;  ///< the longest of its jobs' [s]
  double memory = 0;     ///< of the fullest chip [B]
  std::int64_t idle_chips = 0;
  /// What that step consists of, each with its time [s]: compute, bubble, phases in the order of
  /// their table, clipping, optimizer.
  std::vector<std::pair<std::string, double>> parts;
  std::string choice;  ///< what the topology chose
};

/// What became of the plans of a search.
struct PlanRanking {
  std::vector<PricedPlan> best;  ///< by MFU, the best first; like ones in the order of the search
  std::int64_t plans = 0;        ///< tried
  std::int64_t impossible = 0;   ///< refused by the model
  std::int64_t too_large = 0;    ///< beyond the memory of a chip
  std::int64_t behind = 0;       ///< that a bound shows not to be among the best
  std::int64_t priced = 0;
  /// Of the keys that are searched, the values tried that the model does not refuse. (plan_keys)
  std::array<std::vector<std::string>, plan_keys.size()> tried;
};

/// The most plans of a search, and the longest that it may take [s].
inline constexpr std::int64_t most_plans = 2'000'000;
inline constexpr double longest_search = 600;

/// Ranks all plans by their step without noise and finds the best `top` of them. Branch and bound:
/// plans are taken in the order of what they cannot exceed, first by compute and pipeline alone
/// (estimate_job), then with the traffic of layers (least_traffic), then exactly, in batches of a
/// fixed size, until none can be among the best: the same for any number of threads. Throws
/// InputError where no plan is possible or fits, and where the search is too large, naming the keys
/// to write into the study; Interrupted where it is given up.
PlanRanking rank_plans(const PlanChoices& choices, std::size_t top, std::uint64_t seed,
                       std::span<const Parameter> rows,
                       std::span<const TopologyKind* const> topologies, const Execution& how);

/// A step without noise that is one of a long run: what is spoken at its begin and end counts by
/// how often replicas synchronize. (name, time [s])
std::vector<std::pair<std::string, double>> parts_of(const DesignPoint& job);

}  // namespace lockstep
