#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "engine/reliability/failures/failures.hpp"
#include "engine/reliability/long_run.hpp"

namespace lockstep::test {

inline constexpr double hour = 3600, day = 24 * hour;

/// A hundred nodes of one rank, steps of a second, a failure every `between` [s].
struct Case {
  Reliability reliability;
  LongRunJob job{.nodes = 100, .ranks = 100};
  double step_time = 1, communication_time = 0.25;

  explicit Case(double between) {
    reliability.horizon = day;
    reliability.failure_shape = 1;
    reliability.rates.lemon_factor = 1;
    reliability.node_failure_rate = between > 0 ? 0.01 / between : 0;
  }
  LongRun run(std::uint32_t trial, std::uint64_t seed = 1) const {
    EqualStepTimes steps(step_time, communication_time, job.replicas);
    return run_over_horizon(reliability, job, steps, seed, trial, 1);
  }
};

/// The case's nodes in domains of 20, 79 and 1, below switches of 15, with 8 cables each (the last
/// 40: 4), and 48 optical switches.
inline Case with_parts(Case c) {
  c.job.domains = {0, 20, 99, 100};
  for (std::int64_t first = 0; first < 100; first += 15)
    c.job.switches.push_back({{first, std::min<std::int64_t>(100, first + 15)}});
  c.job.cables.add(60, 8);
  c.job.cables.add(40, 4);
  c.job.optical_switches = 48;
  return c;
}

/// What befalls the case's job within the horizon.
inline std::vector<Failure> all_failures(const Case& c, std::uint32_t trial,
                                         std::uint64_t seed = 1) {
  Failures failures(c.reliability, c.job, seed, trial);
  std::vector<Failure> all;
  for (Failure f = failures.next(); f.time < c.reliability.horizon; f = failures.next())
    all.push_back(f);
  return all;
}

inline double total(const LongRun& run) {
  return std::accumulate(run.time_lost.begin(), run.time_lost.end(), 0.0);
}

inline double lost(const LongRun& run, LossCause cause) {
  return run.time_lost[static_cast<std::size_t>(cause)];
}

}  // namespace lockstep::test
