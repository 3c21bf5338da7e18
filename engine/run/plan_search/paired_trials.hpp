#pragma once

#include <span>
#include <vector>

#include "engine/network/collective.hpp"
#include "engine/run/cancellation.hpp"
#include "engine/run/plan_search/plan_choices.hpp"
#include "engine/statistics/support.hpp"

namespace lockstep {

/// Trials of a plan: each met the same chips, stragglers and noise as that of another plan.
struct PlanTrials {
  std::vector<double> mfu;        ///< (trials)
  std::vector<double> step_time;  ///< (trials, steps) [s]
  Support mfu_support, time_support;
};

/// Runs the study once for each plan in place of what it says of these keys, `trials` each, as a
/// run of the study does. Throws Interrupted where it is given up.
std::vector<PlanTrials> run_paired_trials(const Study& study, const PlanChoices& choices,
                                          std::span<const ParallelPlan> plans, std::int64_t trials,
                                          std::span<const Parameter> rows,
                                          std::span<const TopologyKind* const> topologies,
                                          int threads, const Cancellation& cancellation);

}  // namespace lockstep
