#include "engine/training/training_step.hpp"

#include <algorithm>

#include "engine/base/elementary.hpp"
#include "engine/base/parallel_for.hpp"
#include "engine/job/stages.hpp"
#include "engine/training/step_kernels.hpp"

namespace lockstep {
StepResult mean_step(std::span<const StepResult> steps) {
  StepResult sum;
  for (const StepResult& step : steps) {
    sum.step_time += step.step_time;
    sum.compute_time += step.compute_time;
    sum.communication_time += step.communication_time;
  }
  const auto count = static_cast<double>(steps.size());
  return {sum.step_time / count, sum.compute_time / count, sum.communication_time / count};
}

TrainingSteps::TrainingSteps(const DesignPoint& point, std::uint32_t trial, const Execution& how,
                             TrialChips chips)
    : point_(point),
      trial_(trial),
      how_(how),
      chips_(std::move(chips)),
      episodes_(point, trial, chips_),
      congestion_(point.scenario().noise.congestion,
                  {point.scenario().seed, purpose::congestion, trial}),
      course_(point) {
  course_.begin({.link = chips_.link_factor});
  stage_busy_.resize(static_cast<std::size_t>(point.layout().chips()));
  forget_sums();
}

void TrainingSteps::forget_sums() {
  busy_.assign(point_.scenario().fleet.generations.size(), 0);
  elapsed_ = busy_;
  synchronizations_ = 0;
}

std::vector<StepResult> TrainingSteps::run(std::span<StepObserver* const> observers) {
  const Scenario& scenario = point_.scenario();
  for (std::int64_t s = 0; s < scenario.warmup_steps; ++s) next();
  forget_sums();
  std::vector<StepResult> steps;
  for (std::int64_t s = 0; s < scenario.steps; ++s) steps.push_back(step(observers, s));
  return steps;
}

/// `recorded` is the step's number among those that observers see.
StepResult TrainingSteps::step(std::span<StepObserver* const> observers, std::int64_t recorded) {
  how_.check();
  const bool links_changed = episodes_.advance(now_, chips_).links;
  if (congestion_.advance(now_) || links_changed)
    course_.begin({chips_.link_factor, congestion_.factors()});
  const Scenario& scenario = point_.scenario();
  const bool synchronizes = scenario.job.synchronizes(step_);
  course_.run(compute(), start_, synchronizes, {&scenario.noise, scenario.seed, trial_, step_},
              how_);
  StepResult result;
  result.compute_time = course_.compute_time();
  const std::vector<double> start = observers.empty() ? std::vector<double>() : start_;
  result.step_time = finish_step(synchronizes);
  for (StepObserver* observer : observers)
    observer->see({point_, recorded, now_, synchronizes, result.step_time, start, stage_busy_,
                   course_.ready(), course_.finish(), course_.compute_begin(),
                   course_.compute_end(), course_.microbatch()});
  result.communication_time = result.step_time - course_.last_compute();
  now_ += result.step_time;
  ++step_;
  return result;
}

/// One pipeline stage of all replicas: fills its rows of stage_busy_, and its time [s]. Coupled
/// replicas are one group with their tensor ranks.
void TrainingSteps::compute_stage(std::int64_t stage, double* time) {
  const Layout& layout = point_.layout();
  const double step_jitter = point_.scenario().noise.step_jitter;
  const std::int64_t replicas = layout.replicas, tensor = layout.tensor;
  const bool waits = !chips_.excess.empty();
  const Stream jitter{point_.scenario().seed, purpose::step_jitter, trial_};
  const auto row_of = [&](const std::vector<double>& all) {
    return all.empty() ? nullptr : all.data() + stage * replicas;
  };
  std::vector<double> all_factors(static_cast<std::size_t>(replicas), 1.0);
  std::vector<double> zeros(waits ? all_factors.size() : 0, 0.0);
  std::vector<double> all_normals = zeros, sums = zeros, slow_sums = zeros, counts = zeros;
  double* const factor = all_factors.data();
  double* const sum = waits ? sums.data() : nullptr;            // of step factors,
  double* const slow_sum = waits ? slow_sums.data() : nullptr;  // of chips as slow as the slowest,
  double* const slow_count = waits ? counts.data() : nullptr;   // and how many these are
  const double* const slowest = row_of(chips_.slowest);

  std::fill(time, time + replicas, 0.0);
  for (std::int64_t t = 0; t < tensor; ++t) {
    const std::int64_t row = (stage * tensor + t) * replicas;
    const ChipRow chips{layout.entity_low.data() + row, layout.entity_high.data() + row, replicas};
    if (step_jitter > 0)
      step_kernels().lognormal_factors(jitter, chips, step_, step_jitter, factor);
    if (t == 0 && waits) step_kernels().second_normals(jitter, chips, step_, all_normals.data());
    double* const own = stage_busy_.data() + row;
    const double* const alone = chips_.compute.data() + row;
    for (std::int64_t r = 0; r < replicas; ++r) {
      own[r] = alone[r] * factor[r];
      time[r] = std::max(time[r], own[r]);
    }
    if (!waits) continue;
    for (std::int64_t r = 0; r < replicas; ++r) {
      const bool slow = alone[r] == slowest[r];
      sum[r] += factor[r];
      slow_sum[r] += slow ? factor[r] : 0.0;
      slow_count[r] += slow ? 1.0 : 0.0;
    }
  }
  const std::int64_t coupled = layout.coupled;
  for (std::int64_t first = 0; coupled > 1 && first < replicas; first += coupled)
    for (double* const column : {time, sum, slow_sum, slow_count}) {
      if (!column) continue;
      double all = 0;
      for (std::int64_t r = first; r < first + coupled; ++r)
        all = column == time ? std::max(all, column[r]) : all + column[r];
      std::fill(column + first, column + first + coupled, all);
    }
  if (!waits) return;
  const double* const excess = row_of(chips_.excess);
  const double* const share = row_of(chips_.share);
  const double* const residual = row_of(chips_.residual);
  const double* const normal = all_normals.data();
  const auto n = static_cast<double>(tensor * coupled);
  for (std::int64_t r = 0; r < replicas; ++r) {
    const double other = (1 - share[r]) / (n - 1);
    const double mean_factor = (share[r] * slow_sum[r] + other * (sum[r] - slow_sum[r])) /
                               (share[r] * slow_count[r] + other * (n - slow_count[r]));
    const double left =
        elementary::exp(residual[r] * (normal[r / coupled * coupled] - 0.5 * residual[r]));
    const double synchronized = slowest[r] * (mean_factor - 1 + (1 + excess[r]) * left);
    time[r] = std::max(time[r], synchronized);
  }
}

/// Fills stage_busy_. Returns (stages, replicas) what all microbatches take on a stage [s].
std::vector<double> TrainingSteps::compute() {
  const Layout& layout = point_.layout();
  const Noise& noise = point_.scenario().noise;
  const std::uint64_t seed = point_.scenario().seed;
  const std::int64_t replicas = layout.replicas;
  std::vector<double> stage_time(static_cast<std::size_t>(layout.pipeline * replicas));
  parallel_for(how_, layout.pipeline, [&](std::int64_t stage) {
    compute_stage(stage, stage_time.data() + stage * replicas);
  });
  if (noise.imbalance > 0) {
    std::vector<double> imbalance(static_cast<std::size_t>(replicas), 1.0);
    std::vector<std::uint32_t> index(static_cast<std::size_t>(replicas)), zero(index.size());
    for (std::size_t r = 0; r < index.size(); ++r) index[r] = static_cast<std::uint32_t>(r);
    step_kernels().lognormal_factors({seed, purpose::imbalance, trial_},
                                     {index.data(), zero.data(), replicas}, step_, noise.imbalance,
                                     imbalance.data());
    for (std::int64_t i = 0; i < layout.chips(); ++i)
      stage_busy_[static_cast<std::size_t>(i)] *= imbalance[static_cast<std::size_t>(i % replicas)];
    for (std::size_t i = 0; i < stage_time.size(); ++i)
      stage_time[i] *= imbalance[i % static_cast<std::size_t>(replicas)];
  }
  if (!point_.scenario().job.expert_imbalance.is_none()) crowd_experts(stage_time);
  return stage_time;
}

/// The chip with the fullest experts sets the pace of a step's expert layers, on every stage alike:
/// their products and what their traffic exposes.
void TrainingSteps::crowd_experts(std::vector<double>& stage_time) const {
  const Job& job = point_.scenario().job;
  const Stream stream{point_.scenario().seed, purpose::expert_imbalance, trial_};
  const double more = std::max(0.0, job.expert_imbalance.sample(stream.uniform(0, step_)) - 1);
  const std::vector<double> computed = expert_shares(job);
  const std::vector<double> traffic = point_.planned_phases().expert_traffic();
  const auto replicas = static_cast<std::size_t>(point_.layout().replicas);
  for (std::size_t i = 0; i < stage_time.size(); ++i)
    stage_time[i] += more * (computed[i / replicas] * stage_time[i] +
                             traffic[i / replicas] * point_.work().microbatches[i % replicas]);
}

/// Ends the step: sums up who was busy, sets the next starts, returns the step's time.
double TrainingSteps::finish_step(bool synchronizes) {
  const Layout& layout = point_.layout();
  const std::vector<double>& all_finish = course_.finish();
  const double latest =
      std::ranges::max(all_finish) + (synchronizes ? point_.clipping_time() : 0.0);
  const bool together = synchronizes && point_.scenario().job.gradient_clipping;
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const double* busy = stage_busy_.data() + layout.at(g, 0);
    const double* finish = all_finish.data() + layout.at(g, 0);
    const double* start = start_.empty() ? nullptr : start_.data() + layout.at(g, 0);
    for (const DesignPoint::Run& run : point_.runs()[static_cast<std::size_t>(g)]) {
      double own =
                 point_.optimizer_time()[run.generation] * static_cast<double>(run.end - run.begin),
             all = 0;
      for (std::int64_t r = run.begin; r < run.end; ++r) own += busy[r];
      if (together && !start)
        all = latest * static_cast<double>(run.end - run.begin);
      else
        for (std::int64_t r = run.begin; r < run.end; ++r)
          all += (together ? latest : finish[r]) - (start ? start[r] : 0.0);
      busy_[run.generation] += own;
      elapsed_[run.generation] += all;
    }
  }
  if (together) {
    start_.clear();
  } else {
    start_ = all_finish;
    for (double& next : start_) next -= latest;
  }
  synchronizations_ += synchronizes;
  return latest;
}

}  // namespace lockstep
