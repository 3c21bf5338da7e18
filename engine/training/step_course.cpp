#include "engine/training/step_course.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/parallel_for.hpp"

namespace lockstep {

StepCourse::StepCourse(const DesignPoint& point, std::size_t rows)
    : point_(point), rows_(std::min(rows, point.phases().size())) {
  const auto replicas = static_cast<std::size_t>(point.layout().replicas);
  for (auto* array : {&replica_time_, &compute_end_, &microbatch_}) array->resize(replicas);
  const auto chips = static_cast<std::size_t>(point.layout().chips());
  ready_.resize(chips);
  finish_.resize(chips);
  update_.resize(replicas);
  for (std::size_t i = 0; i < chips; ++i)
    update_[i % replicas] =
        std::max(update_[i % replicas], point.optimizer_time()[point.layout().generation[i]]);
}

void StepCourse::begin(const LinkState& links) {
  trials_.clear();
  std::vector<double> kept;
  for (const PlannedPhase& planned : point_.phases().first(rows_))
    trials_.push_back(planned.has_noise()
                          ? planned.collective->begin_trial(planned.links(links, kept))
                          : nullptr);
  exposed_ = point_.planned_phases().exposed_of_microbatch(rows_, links);
}

void StepCourse::run(std::vector<double> stage_time, std::span<const double> start,
                     bool synchronizes, const StepNoise& noise, const Execution& how) {
  const Layout& layout = point_.layout();
  const auto replicas = static_cast<std::size_t>(layout.replicas);
  const auto stages = static_cast<std::size_t>(layout.pipeline);
  std::fill(microbatch_.begin(), microbatch_.end(), 0.0);
  for (std::size_t i = 0; i < stage_time.size(); ++i) {
    const double microbatches = point_.work().microbatches[i % replicas];
    const std::size_t first = layout.generation[i % replicas] * stages;
    stage_time[i] += exposed_[first + i / replicas] * microbatches;
    double& slowest = microbatch_[i % replicas];
    slowest = std::max(slowest, stage_time[i] / microbatches);
  }
  point_.pipeline_ends(stage_time.data(), point_.planned_phases().transfer(rows_),
                       replica_time_.data());
  std::fill(compute_end_.begin(), compute_end_.end(), start.empty() ? 0.0 : -HUGE_VAL);
  if (!start.empty())
    for (std::size_t i = 0; i < start.size(); ++i)
      compute_end_[i % replicas] = std::max(compute_end_[i % replicas], start[i]);
  compute_time_ = 0;
  last_compute_ = -HUGE_VAL;
  for (std::size_t r = 0; r < replicas; ++r) {
    const double own = replica_time_[r] + update_[r];
    compute_time_ = std::max(compute_time_, own);
    last_compute_ = std::max(last_compute_, compute_end_[r] + own);
  }
  if (synchronizes) gather_weights(start, noise, how);
  compute_begin_ = compute_end_;
  for (std::size_t r = 0; r < replicas; ++r) compute_end_[r] += replica_time_[r];
  if (synchronizes)
    reduce_gradients(noise, how);
  else
    for (std::int64_t g = 0; g < layout.groups(); ++g)
      std::copy(compute_end_.begin(), compute_end_.end(), finish_.begin() + layout.at(g, 0));
  update_weights();
}

/// Runs the phases of a window one after another on finish_, from when chips begin to when they are
/// done; nothing where there is none.
StepCourse::Calls StepCourse::run_calls(Window window, const StepNoise& noise,
                                        const Execution& how) {
  for (std::size_t p = 0; p < rows_; ++p)
    if (const PlannedPhase& planned = point_.phases()[p]; planned.is_of(window) && !planned.free)
      call(p, noise, how);
  return times_of(window);
}

StepCourse::Calls StepCourse::times_of(Window window) const {
  Calls calls;
  for (const PlannedPhase& planned : point_.phases().first(rows_)) {
    if (!planned.is_of(window)) continue;
    calls.time += planned.noise_free_time;
    calls.chunk_time += planned.chunk_time;
  }
  return calls;
}

void StepCourse::call(std::size_t phase, const StepNoise& noise, const Execution& how) {
  const PlannedPhase& planned = point_.phases()[phase];
  const MessageNoise drawn = noise.noise ? message_noise(*noise.noise, noise.seed, noise.trial,
                                                         noise.step, planned.phase->number)
                                         : MessageNoise{};
  std::vector<double> begin(finish_.size()), end;
  if (planned.places.empty()) {
    begin = finish_;
  } else {
    for (std::size_t i = 0; i < begin.size(); ++i)
      begin[i] = finish_[static_cast<std::size_t>(planned.places[i])];
    end.resize(begin.size());
  }
  double* const done = planned.places.empty() ? finish_.data() : end.data();
  const std::int64_t together = planned.collective->groups_per_call();
  const std::int64_t calls = (planned.rows + together - 1) / together;
  const bool few = calls < how.workers();  // then the workers share each call
  parallel_for(few ? how.with(1) : how, calls, [&](std::int64_t one) {
    const std::int64_t first = one * together;
    const std::int64_t last = std::min(first + together, planned.rows);
    trials_[phase]->run(drawn, first, last, begin.data(), done, few ? how : how.with(1));
  });
  for (std::size_t i = 0; i < end.size(); ++i)
    finish_[static_cast<std::size_t>(planned.places[i])] = end[i];
}

/// Moves compute_end_, where compute begins, to when the weights are there.
void StepCourse::gather_weights(std::span<const double> start, const StepNoise& noise,
                                const Execution& how) {
  const Layout& layout = point_.layout();
  const ChunkTurns& turns = point_.chunk_turns();
  if (start.empty())
    std::fill(finish_.begin(), finish_.end(), 0.0);
  else
    std::copy(start.begin(), start.end(), finish_.begin());
  const double last_start = *std::max_element(finish_.begin(), finish_.end());
  const Calls calls = run_calls(Window::first_forward, noise, how);
  if (calls.time == 0) return;
  slow_down(calls, turns.last_used[0] - turns.first_used[0]);
  const double ahead = point_.scenario().job.prefetch ? calls.chunk_time : 0;
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const auto stage = static_cast<std::size_t>(g / layout.tensor);
    const double* const arrived = finish_.data() + layout.at(g, 0);
    for (std::size_t r = 0; r < compute_end_.size(); ++r) {
      const double whole = arrived[r] - ahead - turns.last_used[stage] * microbatch_[r];
      const double chunk = last_start + calls.pace(arrived[r] - last_start) * calls.chunk_time -
                           ahead - turns.first_used[stage] * microbatch_[r];
      compute_end_[r] = std::max({compute_end_[r], whole, chunk});
    }
  }
}

/// Compute beside communication: job.interference of the time that both run, `room` microbatches at
/// most.
void StepCourse::slow_down(const Calls& calls, double room) {
  const double share = point_.scenario().job.interference;
  if (share == 0) return;
  for (std::size_t r = 0; r < compute_end_.size(); ++r)
    compute_end_[r] += share * std::min(calls.time, room * microbatch_[r]);
}

/// Fills ready_ and finish_.
void StepCourse::reduce_gradients(const StepNoise& noise, const Execution& how) {
  const Layout& layout = point_.layout();
  const ChunkTurns& turns = point_.chunk_turns();
  slow_down(times_of(Window::last_backward), turns.first_done[0] - turns.last_done[0]);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const double first_done = turns.first_done[static_cast<std::size_t>(g / layout.tensor)];
    double* const ready = ready_.data() + layout.at(g, 0);
    for (std::size_t r = 0; r < compute_end_.size(); ++r)
      ready[r] = compute_end_[r] - first_done * microbatch_[r];
  }
  finish_ = ready_;
  const Calls calls = run_calls(Window::last_backward, noise, how);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const double last_done = turns.last_done[static_cast<std::size_t>(g / layout.tensor)];
    const double* const ready = ready_.data() + layout.at(g, 0);
    double* const finish = finish_.data() + layout.at(g, 0);
    // Every group holds a chip of every replica: no sum is complete before the last one's chunk.
    double last_begin = -HUGE_VAL, last_ready = -HUGE_VAL;
    for (std::size_t r = 0; r < compute_end_.size(); ++r) {
      last_begin = std::max(last_begin, ready[r]);
      last_ready = std::max(last_ready, compute_end_[r] - last_done * microbatch_[r]);
    }
    for (std::size_t r = 0; r < compute_end_.size(); ++r)
      finish[r] =
          std::max(finish[r], last_ready + calls.pace(finish[r] - last_begin) * calls.chunk_time);
  }
}

/// Adds what every chip computes once the gradients are there.
void StepCourse::update_weights() {
  for (std::size_t i = 0; i < finish_.size(); ++i) finish_[i] += update_[i % update_.size()];
}

}  // namespace lockstep
