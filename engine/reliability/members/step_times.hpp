#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace lockstep {

/// The slowdown of a job that cannot run.
inline constexpr double cannot_run = std::numeric_limits<double>::infinity();

/// What a job's steps take as its nodes come and go.
class StepTimes {
 public:
  virtual ~StepTimes() = default;
  /// Other nodes than before are at the places first .. last-1: new ones of the places' own
  /// generation, or spares of reliability.spare_generation.
  virtual void replace(std::int64_t first, std::int64_t last, bool spare) = 0;
  /// Mean step with the nodes of now and all replicas [s].
  virtual double step_time() = 0;
  /// Communication at its end, which nothing hides [s].
  virtual double communication_time() = 0;
  /// How many times longer a step takes with `replicas` of them, at least 1, which share the batch;
  /// cannot_run where there is no such job.
  virtual double slowdown(std::int64_t replicas) = 0;
  /// Nodes with a persistent straggler that came since the last call.
  virtual std::vector<std::int64_t> new_stragglers() = 0;
};

/// All nodes alike; communication takes as long whatever the replicas.
class EqualStepTimes final : public StepTimes {
 public:
  EqualStepTimes(double step_time, double communication_time, std::int64_t replicas)
      : step_time_(step_time),
        communication_time_(communication_time),
        replicas_(static_cast<double>(replicas)) {}
  void replace(std::int64_t, std::int64_t, bool) override {}
  double step_time() override { return step_time_; }
  double communication_time() override { return communication_time_; }
  double slowdown(std::int64_t replicas) override {
    return replicas_ / static_cast<double>(replicas);
  }
  std::vector<std::int64_t> new_stragglers() override { return {}; }

 private:
  double step_time_, communication_time_, replicas_;
};

}  // namespace lockstep
