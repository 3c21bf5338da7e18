#pragma once

#include <numeric>

#include "engine/model/long_run/long_run.hpp"

namespace lockstep::test {

inline constexpr double hour = 3600, day = 24 * hour;

/// A hundred nodes of one rank, steps of a second, a failure every `between` [s].
struct Case {
  Reliability reliability;
  LongRunJob job{.nodes = 100, .ranks = 100};
  double step_time = 1;

  explicit Case(double between) {
    reliability.horizon = day;
    reliability.node_failure_rate = between > 0 ? 0.01 / between : 0;
  }
  LongRun run(std::uint32_t trial, std::uint64_t seed = 1) const {
    EqualStepTimes steps(step_time, job.replicas);
    return run_over_horizon(reliability, job, steps, seed, trial);
  }
};

inline double total(const LongRun& run) {
  return std::accumulate(run.time_lost.begin(), run.time_lost.end(), 0.0);
}

inline double lost(const LongRun& run, LossCause cause) {
  return run.time_lost[static_cast<std::size_t>(cause)];
}

}  // namespace lockstep::test
