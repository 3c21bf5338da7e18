#include "engine/training/course/step_course.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/base/parallel_for.hpp"

namespace lockstep {

StepCourse::StepCourse(const DesignPoint& point) : StepCourse(point, point.phases().size()) {
  windows_ = &point.windows();
}

StepCourse::StepCourse(const DesignPoint& point, std::size_t rows) : point_(point), rows_(rows) {
  const auto replicas = static_cast<std::size_t>(point.layout().replicas);
  for (auto* array :
       {&start_, &replica_time_, &compute_begin_, &compute_end_, &microbatch_, &stage_ready_})
    array->resize(replicas);
  stage_time_.resize(static_cast<std::size_t>(point.layout().pipeline) * replicas);
  all_.resize(replicas);
  std::iota(all_.begin(), all_.end(), 0);
  added_ = all_;
}

void StepCourse::begin(const LinkState& links) {
  trials_.assign(rows_, nullptr);
  own_trials_.clear();
  std::vector<double> kept;
  const bool healthy = links.link.empty() && links.tier.empty();
  for (std::size_t p = 0; p < rows_; ++p) {
    const PlannedPhase& planned = point_.phases()[p];
    if (!planned.has_noise()) continue;
    trials_[p] = healthy && windows_ ? windows_->healthy(p) : nullptr;
    if (trials_[p]) continue;
    own_trials_.push_back(planned.collective->begin_trial(planned.links(links, kept)));
    trials_[p] = own_trials_.back().get();
  }
  if (windows_) {
    arrived_ = times_of(windows_->first_forward, links, own_arrived_);
    cost_ = times_of(windows_->last_backward, links, own_cost_);
    pace_.clear();
    const Calls calls = times_of(Window::last_backward);
    if (cost_)
      for (double longest : cost_ == own_cost_.data() ? windows_->last_backward.longest(own_cost_)
                                                      : windows_->last_backward.longest())
        pace_.push_back(calls.pace(longest));
  }
  if (windows_ && arrived_) chunk_arrived_ = chunks_of(arrived_, 0);
  const Layout& layout = point_.layout();
  const std::vector<double> exposed = point_.planned_phases().exposed_of_microbatch(rows_, links);
  exposed_.resize(stage_time_.size());
  for (std::size_t i = 0; i < exposed_.size(); ++i) {
    const std::size_t r = i % all_.size(), stages = static_cast<std::size_t>(layout.pipeline);
    exposed_[i] =
        exposed[layout.generation[r] * stages + i / all_.size()] * point_.work().microbatches[r];
  }
}

/// nullptr where the window is none; congestion changes all links in every step, and is left to the
/// kernels.
const double* StepCourse::times_of(const StageWindow& window, const LinkState& links,
                                   std::vector<double>& own) const {
  if (!window.usable() || !links.tier.empty()) return nullptr;
  const std::vector<std::int64_t> slowed =
      point_.phases()[window.phase()].collective->slowed_groups(links.link,
                                                                point_.layout().replicas);
  if (slowed.empty()) return window.times().data();
  own = window.times_with(*trials_[window.phase()], slowed);
  return own.data();
}

void StepCourse::run(std::span<const double> stage_time, std::span<const double> start,
                     bool synchronizes, Finishes asked, const StepNoise& noise,
                     const Execution& how) {
  const Layout& layout = point_.layout();
  begin_step(start, synchronizes, noise, how);
  added_ = all_;
  const bool by_cost = synchronizes && asked != Finishes::all && cost_ && is_sparse(noise);
  if (by_cost) {
    find_late(noise);
    if (asked == Finishes::latest)
      add(all_, stage_time);
    else
      add_exactly(all_, stage_time);
    end_latest(noise, how);
    if (asked == Finishes::latest) return;
  } else {
    compute(all_, stage_time);
  }
  if (synchronizes) {
    reduce_gradients(noise, how);
  } else {
    finish_.resize(static_cast<std::size_t>(layout.chips()));
    for (std::int64_t g = 0; g < layout.groups(); ++g)
      std::copy(compute_end_.begin(), compute_end_.end(), finish_.begin() + layout.at(g, 0));
  }
  update_weights();
  if (!by_cost) latest_ = std::ranges::max(finish_);
}

void StepCourse::begin_step(std::span<const double> start, bool synchronizes,
                            const StepNoise& noise, const Execution& how) {
  const std::size_t replicas = start_.size();
  synchronizes_ = synchronizes;
  if (!start.empty() || !starts_together_) {
    std::fill(start_.begin(), start_.end(), start.empty() ? 0.0 : -HUGE_VAL);
    for (std::size_t i = 0; i < start.size(); ++i)
      start_[i % replicas] = std::max(start_[i % replicas], start[i]);
    last_start_ = std::ranges::max(start_);
  }
  starts_together_ = start.empty();
  compute_time_ = 0;
  last_compute_ = -HUGE_VAL;
  delayed_ = 0;
  step_arrivals_ = {};
  if (synchronizes && times_of(Window::first_forward).time > 0)
    step_arrivals_ = weights_arrive(start, noise, how);
}

/// The last chunk comes after all at the pace that they had.
std::vector<double> StepCourse::chunks_of(const double* arrived, double last_start) const {
  const Calls calls = times_of(Window::first_forward);
  std::vector<double> chunks(stage_time_.size());
  for (std::size_t i = 0; i < chunks.size(); ++i)
    chunks[i] = last_start + calls.pace(arrived[i] - last_start) * calls.chunk_time;
  return chunks;
}

void StepCourse::await(const Arrivals& arrivals, std::span<const std::int32_t> replicas,
                       const std::vector<double>& microbatch, std::vector<double>& begin) const {
  if (!arrivals.all) return;
  const ChunkTurns& turns = point_.chunk_turns();
  const double ahead =
      point_.scenario().job.prefetch ? times_of(Window::first_forward).chunk_time : 0;
  for (std::size_t s = 0; s * all_.size() < stage_time_.size(); ++s) {
    const double* const all = arrivals.all + s * all_.size();
    const double* const chunk = arrivals.chunk + s * all_.size();
    const double last_used = turns.last_used[s], first_used = turns.first_used[s];
    each(replicas, [&](std::size_t r) {
      const double whole = all[r] - ahead - last_used * microbatch[r];
      const double first = chunk[r] - ahead - first_used * microbatch[r];
      const double later = whole > first ? whole : first;
      begin[r] = begin[r] > later ? begin[r] : later;
    });
  }
}

/// Their schedules, and when they are done with them; `at_most`, by upper bounds.
void StepCourse::compute(std::span<const std::int32_t> replicas, std::span<const double> stage_time,
                         bool at_most) {
  const std::vector<double>& microbatches = point_.work().microbatches;
  each(replicas, [&](std::size_t r) { microbatch_[r] = 0; });
  for (std::size_t first = 0; first < stage_time_.size(); first += all_.size())
    each(replicas, [&](std::size_t r) {
      const double time = stage_time[first + r] + exposed_[first + r];
      stage_time_[first + r] = time;
      microbatch_[r] = microbatch_[r] > time ? microbatch_[r] : time;
    });
  each(replicas, [&](std::size_t r) { microbatch_[r] /= microbatches[r]; });
  const double transfer = point_.planned_phases().transfer(rows_);
  if (at_most)
    point_.pipeline_most_ends(stage_time_.data(), transfer, replicas, replica_time_.data());
  else
    point_.pipeline_ends(stage_time_.data(), transfer, replicas, replica_time_.data());
  if (!at_most)
    for (std::int32_t replica : replicas) {
      const auto r = static_cast<std::size_t>(replica);
      const double own = replica_time_[r] + point_.update_time()[r];
      compute_time_ = std::max(compute_time_, own);
      last_compute_ = std::max(last_compute_, start_[r] + own);
    }
  const Calls weights = step_arrivals_.all ? times_of(Window::first_forward) : Calls{};
  const Calls gradients = synchronizes_ ? times_of(Window::last_backward) : Calls{};
  for (std::int32_t replica : replicas) {
    const auto r = static_cast<std::size_t>(replica);
    compute_begin_[r] = start_[r] + slow_down(weights, room_of_weights(), microbatch_[r]);
  }
  await(step_arrivals_, replicas, microbatch_, compute_begin_);
  for (std::int32_t replica : replicas) {
    const auto r = static_cast<std::size_t>(replica);
    compute_end_[r] = compute_begin_[r] + replica_time_[r] +
                      slow_down(gradients, room_of_gradients(), microbatch_[r]);
  }
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

MessageNoise StepCourse::noise_of(std::size_t phase, const StepNoise& noise) const {
  if (!noise.noise) return {};
  return message_noise(*noise.noise, noise.seed, noise.trial, noise.step,
                       point_.phases()[phase].phase->number);
}

void StepCourse::call(std::size_t phase, const StepNoise& noise, const Execution& how) {
  const PlannedPhase& planned = point_.phases()[phase];
  std::vector<double> begin(finish_.size()), end;
  if (planned.places.empty()) {
    begin = finish_;
  } else {
    for (std::size_t i = 0; i < begin.size(); ++i)
      begin[i] = finish_[static_cast<std::size_t>(planned.places[i])];
    end.resize(begin.size());
  }
  std::vector<std::int64_t> groups(static_cast<std::size_t>(planned.rows));
  std::iota(groups.begin(), groups.end(), 0);
  run_groups(phase, groups, noise_of(phase, noise), begin.data(),
             planned.places.empty() ? finish_.data() : end.data(), how);
  for (std::size_t i = 0; i < end.size(); ++i)
    finish_[static_cast<std::size_t>(planned.places[i])] = end[i];
}

/// The calls that hold `groups`, in order.
void StepCourse::run_groups(std::size_t phase, std::span<const std::int64_t> groups,
                            const MessageNoise& noise, const double* begin, double* done,
                            const Execution& how) const {
  const PlannedPhase& planned = point_.phases()[phase];
  std::vector<std::pair<std::int64_t, std::int64_t>> calls;
  over_calls(groups, planned.collective->groups_per_call(), planned.rows,
             [&](std::int64_t first, std::int64_t last) { calls.emplace_back(first, last); });
  const bool few = std::ssize(calls) < how.workers();  // then the workers share each call
  parallel_for(few ? how.with(1) : how, std::ssize(calls), [&](std::int64_t one) {
    const auto [first, last] = calls[static_cast<std::size_t>(one)];
    trials_[phase]->run(noise, first, last, begin, done, few ? how : how.with(1));
  });
}

/// Every group holds a chip of every replica: no sum is complete before the last one's chunk.
StepCourse::StageGradients StepCourse::gradients_of(std::int64_t stage) {
  const ChunkTurns& turns = point_.chunk_turns();
  const auto s = static_cast<std::size_t>(stage);
  StageGradients gradients;
  for (std::size_t r = 0; r < compute_end_.size(); ++r) {
    stage_ready_[r] = compute_end_[r] - turns.first_done[s] * microbatch_[r];
    gradients.last_begin = std::max(gradients.last_begin, stage_ready_[r]);
    gradients.last_ready =
        std::max(gradients.last_ready, compute_end_[r] - turns.last_done[s] * microbatch_[r]);
  }
  return gradients;
}

/// Of every chip, on finish_, its update left out.
void StepCourse::reduce_gradients(const StepNoise& noise, const Execution& how) {
  const Layout& layout = point_.layout();
  ready_.resize(static_cast<std::size_t>(layout.chips()));
  std::vector<StageGradients> gradients;
  for (std::int64_t stage = 0; stage < layout.pipeline; ++stage) {
    gradients.push_back(gradients_of(stage));
    for (std::int64_t g = stage * layout.tensor; g < (stage + 1) * layout.tensor; ++g)
      std::copy(stage_ready_.begin(), stage_ready_.end(), ready_.begin() + layout.at(g, 0));
  }
  finish_ = ready_;
  const Calls calls = run_calls(Window::last_backward, noise, how);
  for (std::int64_t g = 0; g < layout.groups(); ++g)
    for (std::int64_t r = 0; r < layout.replicas; ++r) {
      double& finish = finish_[static_cast<std::size_t>(layout.at(g, r))];
      const auto stage = static_cast<std::size_t>(g / layout.tensor);
      const double pace = cost_ && is_sparse(noise)
                              ? pace_[stage]
                              : calls.pace(finish - gradients[stage].last_begin);
      finish = gradients[stage].complete(finish, pace, calls);
    }
}

/// Adds what every chip computes once the gradients are there.
void StepCourse::update_weights() {
  const std::vector<double>& update = point_.update_time();
  for (std::size_t first = 0; first < finish_.size(); first += update.size())
    for (std::size_t r = 0; r < update.size(); ++r) finish_[first + r] += update[r];
}

}  // namespace lockstep
