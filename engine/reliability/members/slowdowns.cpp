#include "engine/reliability/members/slowdowns.hpp"

#include <algorithm>

#include "engine/reliability/members/step_times.hpp"
#include "engine/training/trial/training_step.hpp"

namespace lockstep {

double Slowdowns::of(std::int64_t replicas, const Execution& how) {
  const std::int64_t all = job_.layout().replicas;
  if (replicas == all) return 1;
  const std::lock_guard lock(mutex_);
  if (const auto known = known_.find(replicas); known != known_.end()) return known->second;
  if (!whole_) whole_ = step_time(all, how);
  const auto fewer = step_time(replicas, how);
  return known_[replicas] = fewer && whole_ ? std::max(1.0, *fewer / *whole_) : cannot_run;
}

/// None where there can be no such job [s].
std::optional<double> Slowdowns::step_time(std::int64_t replicas, const Execution& how) const {
  const std::optional<DesignPoint> point = job_.quiet_with_replicas(replicas);
  if (!point) return std::nullopt;
  return mean_step(TrainingSteps(*point, 0, how).run()).step_time;
}

}  // namespace lockstep
