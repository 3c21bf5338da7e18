#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/power/grid/grid_limits.hpp"
#include "engine/power/metered_fleet.hpp"
#include "engine/power/power.hpp"
#include "engine/power/power_metrics.hpp"
#include "engine/training/capability/capability.hpp"

namespace lockstep {

/// The power of jobs side by side over their recorded steps. Where something smooths it each trial
/// is trained a second time without, to tell what that costs.
class MeteredJobs final : public PreparedCapability {
 public:
  /// Throws InputError where a trace would be too long, or too short or coarse for the limit asked,
  /// and on a cap that is too low.
  explicit MeteredJobs(const Jobs& jobs);

  const Power& power() const { return power_; }
  const MeteredFleet& fleet() const { return *fleet_; }
  /// Time of the recorded steps that the trace shows, without noise [s].
  double length() const { return length_; }
  /// Those that the study asks for.
  const std::vector<GridLimit>& limits() const { return limits_; }

  std::unique_ptr<StepObserver> observer(std::size_t job, std::uint32_t trial) const override;
  MetricValues run_trial(const TrainedTrial& trial) const override;
  double trial_cost() const override;

 private:
  void make_plain(const Jobs& jobs);
  void judge(const std::vector<double>& site, MeteredTrial& result) const;
  void compare(const TrainedTrial& trial, MeteredTrial& result) const;

  Power power_;
  double length_ = 0, chips_ = 0;
  std::vector<GridLimit> limits_;
  std::optional<MeteredFleet> fleet_;
  // Where something smooths the power, the same without it.
  std::vector<std::unique_ptr<DesignPoint>> plain_jobs_;
  std::optional<MeteredFleet> plain_fleet_;
};

/// sampling.steps that take `due` s where `steps` take `length`.
double steps_for(double due, double length, std::int64_t steps);

/// The capability.
extern const Capability power_capability;

}  // namespace lockstep
