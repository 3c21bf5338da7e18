#pragma once

#include <cstdint>
#include <limits>

#include "engine/model/long_run/node_failures.hpp"

namespace lockstep {

struct LongRunJob;

/// One thing that befalls a job.
struct Failure {
  enum class Kind {
    interruption,  ///< the job stops at once
    plan,          ///< the job saves its state, then stops
    delay          ///< messages wait, nothing stops
  };
  double time = std::numeric_limits<double>::infinity();  ///< since the run began [s]
  Kind kind = Kind::interruption;
  /// Nodes of the job (places, whoever fills them) that leave it: first_node .. last_node - 1.
  std::int64_t first_node = 0, last_node = 0;
  double delay = 0;  ///< [s]
};

/// All that befalls a job over one trial, in order of time. It depends on nothing that the job
/// does, so that the same trial of all design points with as many nodes meets the same.
class Failures {
 public:
  Failures(const Reliability& reliability, const LongRunJob& job, std::uint64_t seed,
           std::uint32_t trial);
  /// Its time is not below the horizon where nothing comes any more.
  Failure next();

 private:
  NodeFailures nodes_;
};

/// How often the job is interrupted without plan [1/s], with all its nodes in their stationary law.
double interruption_rate(const Reliability& reliability, const LongRunJob& job);

}  // namespace lockstep
