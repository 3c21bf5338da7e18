#include "engine/run/metrics.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "engine/reliability/schedulable_share.hpp"
#include "engine/run/capabilities.hpp"
#include "engine/training/phases/step_parts.hpp"

namespace lockstep {
namespace {

TEST(Metrics, NoVariableMayBeInfiniteAndFewMayBeNaN) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::set<std::string> may_lack;
  for (const Metric& metric : metrics()) {
    EXPECT_TRUE(may_yield(metric, 0) && may_yield(metric, 1e18)) << metric.variable.name;
    EXPECT_FALSE(may_yield(metric, infinity) || may_yield(metric, -infinity))
        << metric.variable.name;
    if (may_yield(metric, std::numeric_limits<double>::quiet_NaN()))
      may_lack.insert(metric.variable.name);
  }
  EXPECT_EQ(may_lack, (std::set<std::string>{"mfu",
                                             "mfu_used",
                                             "mfu_effective",
                                             "wait_fraction_by_generation",
                                             "step_time_by_generation",
                                             "mean_time_between_interruptions",
                                             "checkpoint_interval",
                                             "power_ramp",
                                             "power_peak_to_peak",
                                             "power_band",
                                             "power_line_frequency",
                                             "power_compliance",
                                             "power_largest_fleet",
                                             "power_trace",
                                             "power_spectrum",
                                             "energy_per_token",
                                             "time_to_first_token",
                                             "time_per_token",
                                             "serving_utilization",
                                             "serving_busy_share",
                                             "serving_output_rate_by_generation",
                                             "serving_batch",
                                             "serving_context_share",
                                             "serving_energy_per_token",
                                             "token_revenue",
                                             "electricity_cost",
                                             "serving_electricity_cost",
                                             "rent_margin",
                                             "token_margin",
                                             "training_cost"}));
}

// Of these trials that are all alike are no proof; of a share that no rare event moves they are.
TEST(Metrics, SayWhatRareEventsMove) {
  std::set<std::string> moved, flags;
  for (const Metric& metric : metrics()) {
    if (metric.support.events != Support::Events::none) moved.insert(metric.variable.name);
    if (metric.support.whether) flags.insert(metric.variable.name);
  }
  EXPECT_EQ(moved, (std::set<std::string>{
                       "goodput", "mfu_effective", "interruptions", "time_lost", "spares_used",
                       "steps_done", "schedulable_share", "power_compliance", "serving_busy_share",
                       "serving_context_share", "requests_lost", "requests_preempted",
                       "serving_down_share", "serving_overloaded"}));
  EXPECT_EQ(flags, (std::set<std::string>{"power_compliance", "serving_overloaded"}));
}

// In a result file variables, dimensions and axes stand side by side: axes are called as their keys
// and drawn inputs "input." and the key, which have a dot, and all else has none.
std::vector<std::string> names_without_dot(std::span<const Capability* const> of) {
  std::vector<std::string> names{"trial",
                                 std::string(step_extent),
                                 std::string(generation_extent),
                                 std::string(phase_extent),
                                 "runtime",
                                 "block",
                                 "missing_block"};
  for (const Metric& metric : metrics(of)) names.push_back(metric.variable.name);
  for (const Capability* capability : of)
    for (const Extent& extent : capability->extents()) names.push_back(extent.name);
  return names;
}

/// Names that are there twice or have a dot, keys that have none or begin like a drawn input.
std::vector<std::string> colliding(const std::vector<std::string>& names,
                                   const std::vector<Parameter>& rows) {
  std::vector<std::string> found;
  std::set<std::string> seen;
  for (const std::string& name : names)
    if (name.find('.') != std::string::npos || !seen.insert(name).second) found.push_back(name);
  for (const Parameter& row : rows)
    if (row.key.find('.') == std::string_view::npos || row.key.starts_with("input.") ||
        !seen.insert(std::string(row.key)).second)
      found.emplace_back(row.key);
  return found;
}

TEST(Metrics, NoTwoNamesInAResultFileAreAlike) {
  const std::vector<std::string> names = names_without_dot(capabilities());
  const std::vector<Parameter> rows = engine_parameters(capabilities());
  EXPECT_GT(names.size(), 20u);
  EXPECT_GT(rows.size(), 80u);
  EXPECT_EQ(colliding(names, rows), std::vector<std::string>{});

  // A capability that is there twice has the same names, and each of the others is told too.
  std::vector<const Capability*> twice(capabilities().begin(), capabilities().end());
  twice.push_back(&schedulable_share_capability);
  EXPECT_EQ(colliding(names_without_dot(twice), rows),
            std::vector<std::string>{"schedulable_share"});
  EXPECT_EQ(colliding({"step", "a.b"}, {{.key = "plain"}, {.key = "input.x"}}),
            (std::vector<std::string>{"a.b", "plain", "input.x"}));
}

}  // namespace
}  // namespace lockstep
