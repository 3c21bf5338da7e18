#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/power/grid/grid_limits.hpp"
#include "engine/power/power.hpp"
#include "engine/power/power_meter.hpp"
#include "engine/power/power_metrics.hpp"
#include "engine/training/capability/capability.hpp"

namespace lockstep {

/// The power of jobs side by side over their recorded steps. They begin together, and the trace
/// ends with the shortest.
class MeteredJobs final : public PreparedCapability {
 public:
  /// Throws InputError where a trace would be too long, or too short or coarse for the limit asked.
  explicit MeteredJobs(const Jobs& jobs);

  const Power& power() const { return power_; }
  /// Time of the recorded steps without noise [s].
  double length() const { return length_; }
  /// Those that the study asks for.
  const std::vector<GridLimit>& limits() const { return limits_; }

  std::unique_ptr<StepObserver> observer(std::size_t job, std::uint32_t trial) const override;
  MetricValues run_trial(const TrainedTrial& trial) const override;
  double trial_cost() const override;

 private:
  double beside(double mean) const;
  std::vector<double> site_trace(const TrainedTrial& trial, MeteredTrial& result) const;
  void judge(const std::vector<double>& site, MeteredTrial& result) const;

  Power power_;
  std::vector<MeteredJob> jobs_;
  double length_ = 0, chips_ = 0;
  std::vector<GridLimit> limits_;
};

/// The capability.
extern const Capability power_capability;

}  // namespace lockstep
