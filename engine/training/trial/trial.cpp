#include "engine/training/trial/trial.hpp"

#include <algorithm>
#include <limits>

namespace lockstep {
namespace {

/// Share of a generation's (or all) chip-seconds that was neither compute nor noise-free
/// communication.
double waiting(double busy, double communication, double elapsed) {
  return elapsed > 0 ? std::max(0.0, 1 - (busy + communication) / elapsed) : 0.0;
}

}  // namespace

TrainedJob train(const DesignPoint& point, std::uint32_t trial, const Execution& how,
                 std::span<StepObserver* const> observers) {
  const Scenario& scenario = point.scenario();
  const double not_there = std::numeric_limits<double>::quiet_NaN();
  TrainedJob trained{&point, draw_chips(point, trial), {}, {}};
  TrainingSteps steps(point, trial, how, trained.chips);
  TrialResult& result = trained.result;
  const std::vector<StepResult> recorded_steps = steps.run(observers);
  for (const StepResult& step : recorded_steps) {
    result.step_time.push_back(step.step_time);
    result.compute_time.push_back(step.compute_time);
    result.communication_time.push_back(step.communication_time);
  }
  const StepResult mean = trained.step = mean_step(recorded_steps);

  const std::vector<double> quiet = point.noise_free_communication();
  const std::size_t generations = scenario.fleet.generations.size();
  double used_peak = 0, busy = 0, communication = 0, elapsed = 0;
  for (std::size_t g = 0; g < generations; ++g) {
    const double noise_free = quiet[g] * steps.synchronizations();
    const bool works = point.chips_by_generation()[g] > 0;
    result.wait_fraction_by_generation.push_back(
        works ? waiting(steps.busy()[g], noise_free, steps.elapsed()[g]) : not_there);
    result.step_time_by_generation.push_back(works ? mean.step_time : not_there);
    used_peak += point.chips_by_generation()[g] * scenario.fleet.generations[g].chip.peak;
    busy += steps.busy()[g];
    communication += noise_free;
    elapsed += steps.elapsed()[g];
  }
  result.wait_fraction = waiting(busy, communication, elapsed);
  const bool counted = !scenario.job.compute_time;
  const double flops = point.work().flops;
  result.mfu = counted ? flops / (scenario.fleet.peak() * mean.step_time) : not_there;
  result.mfu_used = counted ? flops / (used_peak * mean.step_time) : not_there;
  return trained;
}

}  // namespace lockstep
