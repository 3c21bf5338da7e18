#pragma once

#include <memory>
#include <vector>

#include "engine/reliability/job_nodes.hpp"
#include "engine/reliability/long_run.hpp"
#include "engine/reliability/members/slowdowns.hpp"
#include "engine/training/capability/capability.hpp"

namespace lockstep {

/// The long run of one job, made ready: its nodes, what befalls them, the price of its spares.
/// Immutable, but for what it finds once for all trials. The design point must outlive it.
class PreparedLongRun {
 public:
  /// As `values` say. Throws InputError where the run cannot be simulated, or its parameters
  /// contradict each other.
  PreparedLongRun(const DesignPoint& job, const Values& values);

  const DesignPoint& design_point() const { return job_; }
  const Reliability& reliability() const { return reliability_; }
  const LongRunJob& job() const { return long_run_job_; }
  const JobNodes& nodes() const { return nodes_; }
  /// What all its trials share.
  Slowdowns& slowdowns() const { return *slowdowns_; }
  /// Peak of the fleet over that of fleet and spares; spares without limit count as none.
  double share_without_spares() const;
  /// One trial over the horizon, from the trained job. With `timeline` what it meets is written
  /// there. Draws and cost: those of run_over_horizon and Members.
  LongRun run(const TrainedJob& trained, std::uint32_t trial, const Execution& how,
              Timeline* timeline = nullptr) const;

 private:
  const DesignPoint& job_;
  Reliability reliability_;
  JobNodes nodes_;
  LongRunJob long_run_job_;
  std::unique_ptr<Slowdowns> slowdowns_;
};

/// The long runs of jobs side by side, which fail, save and restart each by itself, and have the
/// spares each to itself.
class LongRuns final : public PreparedCapability {
 public:
  explicit LongRuns(const Jobs& jobs);

  const std::vector<PreparedLongRun>& all() const { return runs_; }
  /// goodput, time lost and checkpoint interval are weighted by chips, interruptions and spares in
  /// use add up, steps_done is the fewest of a job.
  MetricValues run_trial(const TrainedTrial& trial) const override;
  double trial_cost() const override;

 private:
  std::vector<PreparedLongRun> runs_;
};

/// The rows of what LongRuns::run_trial gives.
std::vector<Metric> metrics_of_long_runs();

/// The capability.
extern const Capability reliability_capability;

}  // namespace lockstep
