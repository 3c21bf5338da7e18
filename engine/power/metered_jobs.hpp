#pragma once

#include <array>
#include <memory>
#include <vector>

#include "engine/power/power.hpp"
#include "engine/power/power_meter.hpp"
#include "engine/training/capability/capability.hpp"

namespace lockstep {

/// Windows of power_ramp [s].
inline constexpr std::array<double, 3> ramp_windows{1, 15, 60};

/// What the power of one trial's steps was, of all jobs and idle chips together, at the site's
/// meter.
struct MeteredTrial {
  double mean = 0, peak = 0, trough = 0, swing = 0;  ///< [W]
  std::array<double, ramp_windows.size()> ramp{};    ///< NaN where the trace is shorter [W]
  double failure_drop = 0;                           ///< [W]
  double energy_per_step = 0;                        ///< [J]
  double energy_per_token = 0;                       ///< NaN with job.compute_time [J]
};

/// The power of jobs side by side over their recorded steps. They begin together, and the trace
/// ends with the shortest.
class MeteredJobs final : public PreparedCapability {
 public:
  /// Throws InputError where a trace would be too long.
  explicit MeteredJobs(const Jobs& jobs);

  const Power& power() const { return power_; }
  const std::vector<MeteredJob>& all() const { return jobs_; }
  /// What the site draws beside supplies, from these' mean: network, cooling, distribution [W].
  double beside(double mean) const { return (meter_factor(power_) - 1) * mean; }

  std::unique_ptr<StepObserver> observer(std::size_t job, std::uint32_t trial) const override;
  MetricValues run_trial(const TrainedTrial& trial) const override;
  double trial_cost() const override;

 private:
  Power power_;
  std::vector<MeteredJob> jobs_;
};

/// The capability.
extern const Capability power_capability;

}  // namespace lockstep
