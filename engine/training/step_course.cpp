#include "engine/training/step_course.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/base/parallel_for.hpp"

namespace lockstep {

namespace {

std::vector<std::int64_t> late_groups(const PlannedPhase& planned, const MessageNoise& noise) {
  std::vector<std::int64_t> late;
  const std::int64_t messages = planned.collective->messages_per_group();
  for (std::int64_t g = 0; noise.spike_probability > 0 && g < planned.rows; ++g)
    if (!SpikeSequence(noise, g, messages).done()) late.push_back(g);
  return late;
}

double latest_sum(const double* ready, const double* cost, std::int64_t count) {
  double latest = left_out;
#pragma omp simd reduction(max : latest)  // the same in any order
  for (std::int64_t r = 0; r < count; ++r) {
    const double end = ready[r] + cost[r];
    latest = latest > end ? latest : end;
  }
  return latest;
}

}  // namespace

StepCourse::StepCourse(const DesignPoint& point) : StepCourse(point, point.phases().size()) {
  windows_ = &point.windows();
}

StepCourse::StepCourse(const DesignPoint& point, std::size_t rows) : point_(point), rows_(rows) {
  const auto replicas = static_cast<std::size_t>(point.layout().replicas);
  for (auto* array : {&replica_time_, &compute_end_, &microbatch_, &stage_ready_})
    array->resize(replicas);
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
  }
  exposed_ = point_.planned_phases().exposed_of_microbatch(rows_, links);
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

void StepCourse::run(std::vector<double> stage_time, std::span<const double> start,
                     bool synchronizes, Finishes asked, const StepNoise& noise,
                     const Execution& how) {
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
    const double own = replica_time_[r] + point_.update_time()[r];
    compute_time_ = std::max(compute_time_, own);
    last_compute_ = std::max(last_compute_, compute_end_[r] + own);
  }
  if (synchronizes) gather_weights(start, noise, how);
  compute_begin_ = compute_end_;
  for (std::size_t r = 0; r < replicas; ++r) compute_end_[r] += replica_time_[r];
  if (synchronizes) {
    reduce_gradients(asked, noise, how);
    return;
  }
  finish_.resize(static_cast<std::size_t>(layout.chips()));
  for (std::int64_t g = 0; g < layout.groups(); ++g)
    std::copy(compute_end_.begin(), compute_end_.end(), finish_.begin() + layout.at(g, 0));
  update_weights();
  latest_ = std::ranges::max(finish_);
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

/// Moves compute_end_, where compute begins, to when the weights are there.
void StepCourse::gather_weights(std::span<const double> start, const StepNoise& noise,
                                const Execution& how) {
  const ChunkTurns& turns = point_.chunk_turns();
  const Calls calls = times_of(Window::first_forward);
  if (calls.time == 0) return;
  slow_down(calls, turns.last_used[0] - turns.first_used[0]);
  const double last_start = start.empty() ? 0 : std::ranges::max(start);
  const std::vector<double> arrived = weights_arrive(start, noise, how);
  const double ahead = point_.scenario().job.prefetch ? calls.chunk_time : 0;
  const std::size_t replicas = compute_end_.size();
  for (std::size_t stage = 0; stage * replicas < arrived.size(); ++stage)
    for (std::size_t r = 0; r < replicas; ++r) {
      const double last = arrived[stage * replicas + r];
      const double whole = last - ahead - turns.last_used[stage] * microbatch_[r];
      const double chunk = last_start + calls.pace(last - last_start) * calls.chunk_time - ahead -
                           turns.first_used[stage] * microbatch_[r];
      compute_end_[r] = std::max({compute_end_[r], whole, chunk});
    }
}

/// (stages, replicas) when the last chip of a stage has its weights [s].
std::vector<double> StepCourse::weights_arrive(std::span<const double> start,
                                               const StepNoise& noise, const Execution& how) {
  const Layout& layout = point_.layout();
  const std::int64_t replicas = layout.replicas;
  std::vector<double> arrived;
  std::vector<std::int64_t> groups;
  const auto chips = static_cast<std::size_t>(layout.chips());
  if (start.empty() && arrived_ && is_sparse(noise)) {
    arrived.assign(arrived_, arrived_ + layout.pipeline * replicas);
    const std::size_t phase = windows_->first_forward.phase();
    const MessageNoise drawn = noise_of(phase, noise);
    groups = late_groups(point_.phases()[phase], drawn);
    if (groups.empty()) return arrived;
    ready_.assign(chips, 0.0);
    finish_.resize(chips);
    run_groups(phase, groups, drawn, ready_.data(), finish_.data(), how);
  } else {
    arrived.assign(static_cast<std::size_t>(layout.pipeline * replicas), left_out);
    groups.resize(static_cast<std::size_t>(layout.groups()));
    std::iota(groups.begin(), groups.end(), 0);
    finish_.assign(chips, 0.0);
    std::copy(start.begin(), start.end(), finish_.begin());
    run_calls(Window::first_forward, noise, how);
  }
  for (std::int64_t g : groups) {
    double* const latest = arrived.data() + g / layout.tensor * replicas;
    for (std::int64_t r = 0; r < replicas; ++r)
      latest[r] = std::max(latest[r], finish_[static_cast<std::size_t>(layout.at(g, r))]);
  }
  return arrived;
}

/// Compute beside communication: job.interference of the time that both run, `room` microbatches at
/// most.
void StepCourse::slow_down(const Calls& calls, double room) {
  const double share = point_.scenario().job.interference;
  if (share == 0) return;
  for (std::size_t r = 0; r < compute_end_.size(); ++r)
    compute_end_[r] += share * std::min(calls.time, room * microbatch_[r]);
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

void StepCourse::reduce_gradients(Finishes asked, const StepNoise& noise, const Execution& how) {
  const Layout& layout = point_.layout();
  const ChunkTurns& turns = point_.chunk_turns();
  slow_down(times_of(Window::last_backward), turns.first_done[0] - turns.last_done[0]);
  const bool by_cost = asked != Finishes::all && cost_ && is_sparse(noise);
  if (by_cost) latest_ = latest_by_cost(noise, how);
  if (by_cost && asked == Finishes::latest) return;
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
      finish = gradients[static_cast<std::size_t>(g / layout.tensor)].complete(finish, calls);
    }
  update_weights();
  if (!by_cost) latest_ = std::ranges::max(finish_);
}

/// The latest finish, update included, of StageWindow's costs and of the groups with late messages.
double StepCourse::latest_by_cost(const StepNoise& noise, const Execution& how) {
  const Layout& layout = point_.layout();
  const std::int64_t replicas = layout.replicas, stages = layout.pipeline;
  const Calls calls = times_of(Window::last_backward);
  const std::vector<double>& updates = windows_->updates;
  const std::size_t phase = windows_->last_backward.phase();
  const MessageNoise drawn = noise_of(phase, noise);
  const std::vector<std::int64_t> late = late_groups(point_.phases()[phase], drawn);
  const std::int64_t together = point_.phases()[phase].collective->groups_per_call();
  if (!late.empty())
    for (auto* array : {&ready_, &finish_}) array->resize(static_cast<std::size_t>(layout.chips()));
  std::vector<StageGradients> gradients;
  double latest = left_out;
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    gradients.push_back(gradients_of(stage));
    for (std::size_t c = 0; c < updates.size(); ++c) {
      const double* const cost = cost_ + (static_cast<std::int64_t>(c) * stages + stage) * replicas;
      const double finish = latest_sum(stage_ready_.data(), cost, replicas);
      latest = std::max(latest, gradients.back().complete(finish, calls) + updates[c]);
    }
    over_calls(late, together, layout.groups(), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t g = std::max(first, stage * layout.tensor);
           g < std::min(last, (stage + 1) * layout.tensor); ++g)
        std::copy(stage_ready_.begin(), stage_ready_.end(), ready_.begin() + layout.at(g, 0));
    });
  }
  run_groups(phase, late, drawn, ready_.data(), finish_.data(), how);
  for (std::int64_t g : late)
    for (std::int64_t r = 0; r < replicas; ++r) {
      const double finish = finish_[static_cast<std::size_t>(layout.at(g, r))];
      latest = std::max(
          latest, gradients[static_cast<std::size_t>(g / layout.tensor)].complete(finish, calls) +
                      point_.update_time()[static_cast<std::size_t>(r)]);
    }
  return latest;
}

/// Adds what every chip computes once the gradients are there.
void StepCourse::update_weights() {
  const std::vector<double>& update = point_.update_time();
  for (std::size_t first = 0; first < finish_.size(); first += update.size())
    for (std::size_t r = 0; r < update.size(); ++r) finish_[first + r] += update[r];
}

}  // namespace lockstep
