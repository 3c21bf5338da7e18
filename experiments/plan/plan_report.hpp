#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/run/plan_search/paired_trials.hpp"
#include "engine/run/plan_search/plan_search.hpp"
#include "engine/statistics/paired_difference.hpp"

namespace lockstep {

/// A plan among the best, with what its trials say.
struct JudgedPlan {
  PricedPlan priced;
  Estimate mfu, step_time;          ///< means; [s]
  PairedDifference less_than_best;  ///< of the MFU, paired trial by trial
};

/// The plans of a ranking by the mean MFU of their trials, the best first.
std::vector<JudgedPlan> judge(const PlanRanking& ranking, std::span<const PlanTrials> trials,
                              std::int64_t steps);

/// What a reader of the answer needs beside the plans.
struct PlanReport {
  const Study& study;
  const PlanChoices& choices;
  const PlanRanking& ranking;
  std::int64_t trials = 0;
  std::vector<JudgedPlan> plans;
};

/// What was fixed and searched, what became of the plans, a table of the best, and the lines of a
/// study that set the best one.
std::string report_text(const PlanReport& report);
/// The same, unrounded.
std::string report_json(const PlanReport& report);

}  // namespace lockstep
