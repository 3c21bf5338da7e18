#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "engine/base/execution.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

/// How many times longer the steps of a job take with fewer replicas, which share its batch out
/// anew: simulated without noise, as the slow chip or link may be in any replica, and so the same
/// in every trial. Found when first asked for, and kept. Several threads may ask.
class Slowdowns {
 public:
  /// The job must outlive them.
  explicit Slowdowns(const DesignPoint& job) : job_(job) {}

  /// At least 1; cannot_run where there is no such job. Draws: none. Cost: of the first of so many
  /// replicas, a design point and its steps.
  double of(std::int64_t replicas, const Execution& how);

 private:
  std::optional<double> step_time(std::int64_t replicas, const Execution& how) const;

  const DesignPoint& job_;
  std::mutex mutex_;
  std::map<std::int64_t, double> known_;  // by replicas
  std::optional<double> whole_;           // step of all replicas, once it is known [s]
};

}  // namespace lockstep
