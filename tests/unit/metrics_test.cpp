#include "engine/run/metrics.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

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
  EXPECT_EQ(may_lack,
            (std::set<std::string>{"mfu", "mfu_used", "mfu_effective",
                                   "wait_fraction_by_generation", "step_time_by_generation",
                                   "mean_time_between_interruptions", "checkpoint_interval"}));
}

}  // namespace
}  // namespace lockstep
