#include "engine/training/trial/training_step.hpp"

#include <algorithm>

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
      groups_(point, trial),
      course_(point),
      slowest_(point),
      delay_(point.scenario().stage_delay ? (*point.scenario().stage_delay)(point) : nullptr) {
  groups_.begin(chips_.compute);
  course_.begin({.link = chips_.link_factor});
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
  const TrialEpisodes::Change changed = episodes_.advance(now_, chips_);
  if (changed.compute) groups_.begin(chips_.compute);
  const bool links = congestion_.advance(now_) || changed.links;
  if (links) course_.begin({chips_.link_factor, congestion_.factors()});
  if (changed.compute || links) has_bounds_ = false;
  const bool synchronizes = point_.scenario().job.synchronizes(step_);
  if (leaves_out(!observers.empty(), synchronizes))
    run_slowest();
  else
    run_all(!observers.empty(), synchronizes);
  StepResult result;
  result.compute_time = course_.compute_time();
  const std::vector<double> start = observers.empty() ? std::vector<double>() : start_;
  result.step_time = finish_step(synchronizes);
  if (delay_) tell_delay(synchronizes, result.step_time);
  for (StepObserver* observer : observers)
    observer->see({point_, recorded, now_, synchronizes, result.step_time, start, chip_busy_,
                   course_.ready(), course_.finish(), course_.compute_begin(),
                   course_.compute_end(), course_.microbatch(), delay_.get()});
  result.communication_time = result.step_time - course_.last_compute();
  now_ += result.step_time;
  ++step_;
  return result;
}

/// (replicas) what each has more to do than another; empty without imbalance.
std::vector<double> TrainingSteps::draw_imbalance() const {
  const double sigma = point_.scenario().noise.imbalance;
  if (sigma == 0) return {};
  std::vector<float> less_one(static_cast<std::size_t>(point_.layout().replicas));
  step_kernels().lognormals({point_.scenario().seed, purpose::imbalance, trial_},
                            {0, 0, point_.layout().replicas}, step_, static_cast<float>(sigma),
                            static_cast<float>(-0.5 * sigma * sigma), less_one.data());
  std::vector<double> factors;
  for (float one : less_one) factors.push_back(1 + static_cast<double>(one));
  return factors;
}

/// Where the latest finish is all that is asked for, and follows from bounds.
bool TrainingSteps::leaves_out(bool observed, bool synchronizes) const {
  const Scenario& scenario = point_.scenario();
  return !asks_all_ && !observed && !delay_ && synchronizes && scenario.job.gradient_clipping &&
         start_.empty() && scenario.noise.imbalance == 0 &&
         scenario.job.expert_imbalance.is_none() && course_.goes_by_replica(noise());
}

void TrainingSteps::run_slowest() {
  if (!has_bounds_) slowest_.begin(course_, groups_.range());
  has_bounds_ = true;
  course_.begin_latest(noise(), how_);
  groups_.draw(step_, chips_.compute, {}, GroupSteps::Asked::some, how_, stage_time_);
  course_.end_latest(slowest_.add(groups_, course_, stage_time_, how_));
}

/// Fills chip_busy_ where the step is observed.
void TrainingSteps::run_all(bool observed, bool synchronizes) {
  const auto replicas = static_cast<std::size_t>(point_.layout().replicas);
  const std::vector<double> imbalance = draw_imbalance();
  groups_.draw(step_, chips_.compute, imbalance,
               observed ? GroupSteps::Asked::all_chips : GroupSteps::Asked::all, how_, stage_time_);
  if (observed) {
    chip_busy_.resize(chips_.compute.size());
    groups_.chips(chips_.compute, imbalance, chip_busy_);
  }
  for (std::size_t i = 0; !imbalance.empty() && i < stage_time_.size(); ++i)
    stage_time_[i] *= imbalance[i % replicas];
  if (!point_.scenario().job.expert_imbalance.is_none()) crowd_experts();
  if (delay_) {
    delay_->delay(stage_time_);
    if (observed) delay_->add_to_chips(chip_busy_);
  }
  using enum StepCourse::Finishes;
  const bool latest_only = synchronizes && point_.scenario().job.gradient_clipping;
  course_.run(stage_time_, start_, synchronizes,
              !latest_only ? all
              : observed   ? latest_and_all
              : delay_     ? latest_and_compute
                           : latest,
              noise(), how_);
}

/// The chip with the fullest experts sets the pace of a step's expert layers, on every stage alike:
/// their products and what their traffic exposes.
void TrainingSteps::crowd_experts() {
  const Job& job = point_.scenario().job;
  const Stream stream{point_.scenario().seed, purpose::expert_imbalance, trial_};
  const double more = std::max(0.0, job.expert_imbalance.sample(stream.uniform(0, step_)) - 1);
  const std::vector<double> computed = expert_shares(job);
  const std::vector<double> traffic = point_.planned_phases().expert_traffic();
  const auto replicas = static_cast<std::size_t>(point_.layout().replicas);
  for (std::size_t i = 0; i < stage_time_.size(); ++i)
    stage_time_[i] += more * (computed[i / replicas] * stage_time_[i] +
                              traffic[i / replicas] * point_.work().microbatches[i % replicas]);
}

void TrainingSteps::tell_delay(bool synchronized, double end) {
  delay_->see({course_.compute_begin(), course_.compute_end(), course_.microbatch(), end, start_,
               synchronized, point_.scenario().job.synchronizes(step_ + 1)});
}

/// Ends the step: adds the optimizer's update to chip_busy_, sums up who was busy, sets the next
/// starts, returns the step's time.
double TrainingSteps::finish_step(bool synchronizes) {
  const Layout& layout = point_.layout();
  const std::vector<double>& all_finish = course_.finish();
  const double latest = course_.latest() + (synchronizes ? point_.clipping_time() : 0.0);
  const bool together = synchronizes && point_.scenario().job.gradient_clipping;
  for (std::size_t g = 0; g < busy_.size(); ++g)
    busy_[g] += groups_.busy()[g] + point_.optimizer_time()[g] * point_.chips_by_generation()[g];
  for (std::size_t g = 0; delay_ && g < busy_.size(); ++g) busy_[g] += delay_->busy()[g];
  for (std::size_t i = 0; i < chip_busy_.size(); ++i)
    chip_busy_[i] += point_.optimizer_time()[layout.generation[i]];
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const double* finish = together ? nullptr : all_finish.data() + layout.at(g, 0);
    const double* start = start_.empty() ? nullptr : start_.data() + layout.at(g, 0);
    for (const DesignPoint::Run& run : point_.runs()[static_cast<std::size_t>(g)]) {
      double all = 0;
      if (together && !start)
        all = latest * static_cast<double>(run.end - run.begin);
      else
        for (std::int64_t r = run.begin; r < run.end; ++r)
          all += (together ? latest : finish[r]) - (start ? start[r] : 0.0);
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
