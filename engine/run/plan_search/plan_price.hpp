#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/network/collective.hpp"
#include "engine/run/plan_search/parallel_plan.hpp"

namespace lockstep {

/// A plan with its step without noise, all chips of a generation alike.
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

/// Prices the jobs of `values`, in which `plan` is set, by building them. None where a chip's
/// memory does not hold its part; `need` is then what it takes [B]. A step counts as one of a long
/// run: what is spoken at its begin and end by how often replicas synchronize. Throws InputError on
/// an impossible plan.
std::optional<PricedPlan> price_plan(const ParallelPlan& plan, const Values& values,
                                     std::span<const TopologyKind* const> topologies,
                                     std::uint64_t seed, double& need);

}  // namespace lockstep
