#include <algorithm>
#include <numeric>

#include "engine/job/pipeline/pipeline_kernels.hpp"
#include "engine/training/course/step_course.hpp"

namespace lockstep {

StepCourse::Arrivals StepCourse::weights_arrive(std::span<const double> start,
                                                const StepNoise& noise, const Execution& how) {
  const Layout& layout = point_.layout();
  const std::int64_t replicas = layout.replicas;
  const ChunkTurns& turns = point_.chunk_turns();
  const bool known = start.empty() && weights_.times() && noise.is_sparse();
  const std::vector<WindowCalls::LateGroup> late = weights_.find_late(noise);
  Arrivals arrivals{weights_.times(), weights_.stage_took().data()};
  std::vector<double> took = weights_.took();
  std::vector<std::int64_t> late_groups, late_at_first;
  for (const auto& one : late) {
    late_groups.push_back(one.group);
    if (one.in_first) late_at_first.push_back(one.group);
  }
  const auto row_of = [&](std::int64_t g) { return finish_.begin() + layout.at(g, 0); };
  if (!known || !late.empty()) {
    ready_.assign(static_cast<std::size_t>(layout.chips()), 0.0);
    std::ranges::copy(start, ready_.begin());
    finish_.resize(ready_.size());
    weights_.run_first(known ? late_groups : groups_, noise, noise.is_sparse(), ready_.data(),
                       finish_.data(), how);
  }
  if (!known) {
    first_arrived_.assign(stage_time_.size(), left_out);
    stage_took_.assign(static_cast<std::size_t>(layout.pipeline), 0.0);
    for (std::int64_t g = 0; g < layout.groups(); ++g) {
      const auto stage = static_cast<std::size_t>(g / layout.tensor);
      double* const first = first_arrived_.data() + stage * all_.size();
      for (std::int64_t r = 0; r < replicas; ++r) first[r] = std::max(first[r], row_of(g)[r]);
      double& time = took[static_cast<std::size_t>(g)];
      if (!noise.is_sparse())
        time = std::max(time, *std::max_element(row_of(g), row_of(g + 1)) - last_start_);
      stage_took_[stage] = std::max(stage_took_[stage], time);
    }
    arrivals = {first_arrived_.data(), stage_took_.data()};
    if (!noise.is_sparse())
      weights_.run_first(late_at_first, noise, true, ready_.data(), finish_.data(), how);
  }
  const std::vector<std::vector<LateCall>> delays = weights_.delays(late, noise, how);
  for (std::size_t i = 0; i < late.size(); ++i) {
    const std::int64_t g = late[i].group;
    const auto stage = static_cast<std::size_t>(g / layout.tensor);
    const ChunkCalls calls{weights_.chunks(), took[static_cast<std::size_t>(g)], delays[i]};
    late_weights_.push_back({stage,
                             {row_of(g), row_of(g + 1)},
                             calls.arrivals(turns.first_used[stage], turns.last_used[stage])});
    double more = 0;
    for (std::size_t r = 0; r < all_.size(); ++r)
      more =
          std::max(more, late_weights_.back().first[r] - arrivals.first[stage * all_.size() + r]);
    for (const LateCall& one : delays[i]) more += one.delay;
    delayed_ = std::max(delayed_, more);
  }
  return arrivals;
}

bool StepCourse::goes_by_replica(const StepNoise& noise) const {
  return gradients_.times() && noise.is_sparse() && (weights_.empty() || weights_.times());
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
  late_ = gradients_.find_late(noise);
  for (const auto& one : late_) {
    double& longest = late_by_[static_cast<std::size_t>(one.group / point_.layout().tensor)];
    longest = std::max(longest, one.delays);
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
  const std::size_t stages = late_by_.size(), row = all_.size();
  const std::vector<double>& updates = windows_->updates;
  for (std::size_t s = 0; s < stages; ++s) {
    StageGradients gradients;
    for (std::int32_t replica : replicas) {
      const auto r = static_cast<std::size_t>(replica);
      stage_ready_[r] = compute_end_[r] - turns.first_done[s] * microbatch_[r];
      gradients.first_ready = std::max(gradients.first_ready, stage_ready_[r]);
      gradients.last_ready =
          std::max(gradients.last_ready, compute_end_[r] - turns.last_done[s] * microbatch_[r]);
    }
    const ChunkCalls::End end = quiet_end(s, gradients);
    for (std::size_t c = 0; c < updates.size(); ++c) {
      const double* const cost = gradients_.times() + (c * stages + s) * row;
      double finish = left_out;
      for (std::int32_t r : replicas)
        finish = std::max(finish, stage_ready_[static_cast<std::size_t>(r)] + cost[r]);
      latest_ = std::max(latest_, end.of(finish) + updates[c]);
    }
  }
}

/// Those that have late messages by the kernels; whoever was not added is left out.
void StepCourse::end_latest(const StepNoise& noise, const Execution& how, const Bounds* bounds) {
  const Layout& layout = point_.layout();
  if (bounds)
    std::erase_if(late_, [&](const auto& one) {
      return !matters(*bounds, static_cast<std::size_t>(one.group / layout.tensor));
    });
  if (late_.empty()) return;
  std::vector<std::int64_t> groups;
  for (const auto& one : late_) groups.push_back(one.group);
  run_gradients(groups, noise, how);
  for (std::int64_t g : groups)
    for (std::int64_t r = 0; r < layout.replicas; ++r)
      latest_ = std::max(latest_, finish_[static_cast<std::size_t>(layout.at(g, r))] +
                                      point_.update_time()[static_cast<std::size_t>(r)]);
}

}  // namespace lockstep
