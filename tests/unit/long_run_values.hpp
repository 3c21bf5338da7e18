#pragma once

#include <memory>
#include <string_view>

#include "engine/reliability/long_runs.hpp"
#include "engine/training/jobs.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep::test {

/// A design point with the long run of its job.
struct LongRunPoint {
  std::unique_ptr<DesignPoint> point;
  PreparedLongRun run;

  explicit LongRunPoint(std::string_view lines, std::uint64_t seed = 1)
      : point(make_point(lines, seed)), run(*point, point->values()) {}
  LongRun of_trial(std::uint32_t trial) const { return run.run(train(*point, trial, 1), trial, 1); }
};

/// The values of a capability's variable in one trial; empty where the study does not ask.
inline std::vector<double> values_of(const JobsResult& result, std::string_view name) {
  for (std::size_t c = 0; c < capabilities().size(); ++c) {
    const std::vector<Metric> rows = capabilities()[c]->metrics();
    for (std::size_t m = 0; m < rows.size(); ++m)
      if (rows[m].variable.name == name)
        return result.capabilities[c].empty() ? std::vector<double>() : result.capabilities[c][m];
  }
  throw std::logic_error("no variable " + std::string(name));
}

}  // namespace lockstep::test
