#include <algorithm>
#include <numeric>

#include "engine/job/pipeline/pipeline_kernels.hpp"
#include "engine/training/course/step_course.hpp"

namespace lockstep {
namespace {

/// Groups with late messages, and the sum of each one's delays [s].
std::vector<std::pair<std::int64_t, double>> late_groups(const PlannedPhase& planned,
                                                         const MessageNoise& noise) {
  std::vector<std::pair<std::int64_t, double>> late;
  const std::int64_t messages = planned.collective->messages_per_group();
  for (std::int64_t g = 0; noise.spike_probability > 0 && g < planned.rows; ++g) {
    SpikeSequence spikes(noise, g, messages);
    if (spikes.done()) continue;
    double delay = 0;
    for (; !spikes.done(); spikes.next()) delay += spikes.delay();
    late.emplace_back(g, delay);
  }
  return late;
}

}  // namespace

/// When the last chip of a stage has its weights.
StepCourse::Arrivals StepCourse::weights_arrive(std::span<const double> start,
                                                const StepNoise& noise, const Execution& how) {
  const Layout& layout = point_.layout();
  const std::int64_t replicas = layout.replicas, together = layout.pipeline * replicas;
  const auto chips = static_cast<std::size_t>(layout.chips());
  std::vector<std::int64_t> groups;
  if (start.empty() && arrived_ && is_sparse(noise)) {
    const std::size_t phase = windows_->first_forward.phase();
    const PlannedPhase& planned = point_.phases()[phase];
    const MessageNoise drawn = noise_of(phase, noise);
    for (const auto& [group, delay] : late_groups(planned, drawn)) groups.push_back(group);
    if (groups.empty()) return {arrived_, chunk_arrived_.data()};
    step_arrived_.assign(arrived_, arrived_ + together);
    for (auto* array : {&ready_, &finish_}) array->resize(chips);
    over_calls(groups, planned.collective->groups_per_call(), layout.groups(),
               [&](std::int64_t first, std::int64_t last) {
                 std::fill(ready_.begin() + layout.at(first, 0),
                           ready_.begin() + layout.at(last, 0), 0.0);
               });
    run_groups(phase, groups, drawn, ready_.data(), finish_.data(), how);
  } else {
    step_arrived_.assign(static_cast<std::size_t>(together), left_out);
    groups.resize(static_cast<std::size_t>(layout.groups()));
    std::iota(groups.begin(), groups.end(), 0);
    finish_.assign(chips, 0.0);
    std::copy(start.begin(), start.end(), finish_.begin());
    run_calls(Window::first_forward, noise, how);
  }
  for (std::int64_t g : groups) {
    const std::int64_t first = g / layout.tensor * replicas;
    for (std::int64_t r = 0; r < replicas; ++r) {
      double& latest = step_arrived_[static_cast<std::size_t>(first + r)];
      latest = std::max(latest, finish_[static_cast<std::size_t>(layout.at(g, r))]);
      if (arrived_) delayed_ = std::max(delayed_, latest - arrived_[first + r]);
    }
  }
  step_chunk_arrived_ = chunks_of(step_arrived_.data(), last_start_);
  return {step_arrived_.data(), step_chunk_arrived_.data()};
}

bool StepCourse::goes_by_replica(const StepNoise& noise) const {
  return cost_ && is_sparse(noise) && (arrived_ || times_of(Window::first_forward).time == 0);
}

void StepCourse::begin_latest(const StepNoise& noise, const Execution& how) {
  begin_step({}, true, noise, how);
  for (std::int32_t r : added_) compute_end_[static_cast<std::size_t>(r)] = left_out;
  added_.clear();
  find_late(noise);
}

void StepCourse::find_late(const StepNoise& noise) {
  latest_ = left_out;
  late_by_.assign(static_cast<std::size_t>(point_.layout().pipeline), 0.0);
  late_.clear();
  const std::size_t phase = windows_->last_backward.phase();
  for (const auto& [group, delay] : late_groups(point_.phases()[phase], noise_of(phase, noise))) {
    late_.push_back(group);
    double& longest = late_by_[static_cast<std::size_t>(group / point_.layout().tensor)];
    longest = std::max(longest, delay);
  }
}

void StepCourse::add(std::span<const std::int32_t> replicas, std::span<const double> stage_time) {
  if (added_.size() < all_.size()) added_.insert(added_.end(), replicas.begin(), replicas.end());
  if (std::ssize(replicas) <= 2 * pipeline_lanes) {
    add_exactly(replicas, stage_time);
    return;
  }
  compute(replicas, stage_time, true);
  Bounds bounds{.behind = std::vector<double>(start_.size()),
                .schedule = replica_time_,
                .taken = {},
                .finish = std::vector<double>(late_by_.size(), left_out)};
  set_behind(replicas, compute_end_, microbatch_, bounds);
  std::vector<std::int32_t> heap(replicas.begin(), replicas.end());
  for (std::int32_t r : heap) compute_end_[static_cast<std::size_t>(r)] = left_out;
  const auto later = [&](std::int32_t a, std::int32_t b) {
    return bounds.behind[static_cast<std::size_t>(a)] > bounds.behind[static_cast<std::size_t>(b)];
  };
  std::make_heap(heap.begin(), heap.end(), later);
  std::vector<std::int32_t> batch;
  do {
    batch.clear();
    for (; !heap.empty() && std::ssize(batch) < pipeline_lanes; heap.pop_back()) {
      if (!(bounds.behind[static_cast<std::size_t>(heap.front())] < needed(bounds))) break;
      std::pop_heap(heap.begin(), heap.end(), later);
      batch.push_back(heap.back());
    }
    add_exactly(batch, stage_time);
  } while (!batch.empty());
}

/// The latest of their ready times + costs, and of their last chunks, update included.
void StepCourse::add_exactly(std::span<const std::int32_t> replicas,
                             std::span<const double> stage_time) {
  compute(replicas, stage_time);
  const ChunkTurns& turns = point_.chunk_turns();
  const std::int64_t stages = point_.layout().pipeline, row = point_.layout().replicas;
  const std::vector<double>& updates = windows_->updates;
  const Calls calls = times_of(Window::last_backward);
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    const auto s = static_cast<std::size_t>(stage);
    StageGradients gradients;
    for (std::int32_t replica : replicas) {
      const auto r = static_cast<std::size_t>(replica);
      stage_ready_[r] = compute_end_[r] - turns.first_done[s] * microbatch_[r];
      gradients.last_ready =
          std::max(gradients.last_ready, compute_end_[r] - turns.last_done[s] * microbatch_[r]);
    }
    for (std::size_t c = 0; c < updates.size(); ++c) {
      const double* const cost = cost_ + (static_cast<std::int64_t>(c) * stages + stage) * row;
      double finish = left_out;
      for (std::int32_t r : replicas)
        finish = std::max(finish, stage_ready_[static_cast<std::size_t>(r)] + cost[r]);
      latest_ = std::max(latest_, gradients.complete(finish, pace_[s], calls) + updates[c]);
    }
  }
}

/// Those that have late messages by the kernels; whoever was not added is left out.
void StepCourse::end_latest(const StepNoise& noise, const Execution& how, const Bounds* bounds) {
  const Layout& layout = point_.layout();
  if (bounds)
    std::erase_if(late_, [&](std::int64_t g) {
      const auto stage = static_cast<std::size_t>(g / layout.tensor);
      return !matters(*bounds, stage);
    });
  if (late_.empty()) return;
  const std::size_t phase = windows_->last_backward.phase();
  for (auto* array : {&ready_, &finish_}) array->resize(static_cast<std::size_t>(layout.chips()));
  over_calls(late_, point_.phases()[phase].collective->groups_per_call(), layout.groups(),
             [&](std::int64_t first, std::int64_t last) {
               for (std::int64_t g = first; g < last; ++g) {
                 gradients_of(g / layout.tensor);
                 std::ranges::copy(stage_ready_, ready_.begin() + layout.at(g, 0));
               }
             });
  run_groups(phase, late_, noise_of(phase, noise), ready_.data(), finish_.data(), how);
  for (std::int64_t g : late_)
    for (std::int64_t r = 0; r < layout.replicas; ++r)
      latest_ = std::max(latest_, finish_[static_cast<std::size_t>(layout.at(g, r))] +
                                      point_.update_time()[static_cast<std::size_t>(r)]);
}

}  // namespace lockstep
