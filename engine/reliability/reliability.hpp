#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/base/distribution.hpp"
#include "engine/base/parameter.hpp"
#include "engine/machine/chip.hpp"
#include "engine/reliability/failures/failure_rates.hpp"

namespace lockstep {

/// How often a job saves its state: by time or by steps; optimal where neither is given.
struct CheckpointInterval {
  std::optional<double> time;   ///< [s]
  std::optional<double> steps;  ///< training steps
  bool operator==(const CheckpointInterval&) const = default;
};

/// What fails over a long run, and what that costs.
struct Reliability {
  double horizon = 0;                  ///< wall time of the run [s]; 0: there is none
  double node_failure_rate = 0;        ///< of a node in the job, unless its chip's is given [1/s]
  double failure_shape = 0;            ///< of Weibull lifetimes; 1 is the exponential law
  FailureRates rates;                  ///< of what else befalls the job
  double detection_time = 0;           ///< from a failure to the start of recovery [s]
  double restart_time = 0;             ///< from all nodes at hand to the first step, fixed part [s]
  double communicator_startup = 0;     ///< the same for each rank [s]
  CheckpointInterval checkpoint;       ///< of computing, without the stall
  double checkpoint_write_time = 0;    ///< for which all chips stall [s]
  std::optional<std::int64_t> spares;  ///< nodes beside the fleet; nullopt: always one at hand
  Distribution repair_time;            ///< from a node's failure to its return as a spare [s]
  std::optional<Chip> spare_chip;      ///< of the spares; nullopt: the place's own
  double ocs_reconfiguration_time = 0;  ///< of each restart on optical circuit switches [s]
  bool shrinks = false;                 ///< runs smaller with no spare at hand, or else waits
  std::optional<double> straggler_detection_time;  ///< until one leaves the job [s]; nullopt: never

  bool on() const { return horizon > 0; }
  bool operator==(const Reliability&) const = default;
};

std::span<const Parameter> reliability_parameters();
/// Throws InputError on a spare of an unknown generation.
Reliability reliability_from(const Values& values);

}  // namespace lockstep
