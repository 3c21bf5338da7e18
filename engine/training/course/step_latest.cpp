#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "engine/job/pipeline/pipeline_kernels.hpp"
#include "engine/training/course/step_course.hpp"

namespace lockstep {
namespace {

constexpr int looks = 4;  // batches until all that are left are looked at together

}  // namespace

StepCourse::Arrivals StepCourse::weights_arrive(std::span<const double> start) {
  const ChunkTurns& turns = point_.chunk_turns();
  const bool known = start.empty() && weights_.times() && noise_.is_sparse();
  const Arrivals arrivals =
      known ? Arrivals{weights_.times(), weights_.stage_took().data()} : run_weights(start);
  for (auto& late : weights_.find_late(noise_)) {
    const auto stage = static_cast<std::size_t>(late.group / point_.layout().tensor);
    const std::vector<LateCall> most = late.most();
    late_weights_.push_back({std::move(late), stage, {}, false, {}, {}});
    LateWeights& weights = late_weights_.back();
    if (known) {
      weights.most = ChunkCalls{weights_.chunks(), arrivals.took[stage], most}.arrivals(
          turns.first_used[stage], turns.last_used[stage]);
      for (auto& chunk : weights.most) chunk.after_first += weights.late.in_first;
    } else {
      run_late(weights);
    }
  }
  find_latest_weights();
  // Who is latest leaves least to the others.
  std::ranges::sort(late_weights_, std::greater(), [](const LateWeights& weights) {
    return weights.most.empty() ? 0 : weights.most.back().after_first;
  });
  return arrivals;
}

/// At most, of the groups of a stage that are not run.
void StepCourse::find_latest_weights() {
  latest_weights_.resize(static_cast<std::size_t>(point_.layout().pipeline));
  for (auto& stage : latest_weights_) stage.clear();
  for (const LateWeights& weights : late_weights_) {
    auto& stage = latest_weights_[weights.stage];
    for (const ChunkCalls::Arrival& chunk : weights.most) {
      const auto same = std::ranges::find(stage, chunk.turn, &ChunkCalls::Arrival::turn);
      if (same == stage.end())
        stage.push_back(chunk);
      else
        same->after_first = std::max(same->after_first, chunk.after_first);
    }
  }
}

/// First chunks of all groups, in finish_ and of each stage.
StepCourse::Arrivals StepCourse::run_weights(std::span<const double> start) {
  const Layout& layout = point_.layout();
  ready_.assign(static_cast<std::size_t>(layout.chips()), 0.0);
  std::ranges::copy(start, ready_.begin());
  finish_.resize(ready_.size());
  weights_.run_first(groups_, noise_, noise_.is_sparse(), ready_.data(), finish_.data(), how_);
  first_arrived_.assign(stage_time_.size(), left_out);
  stage_took_.assign(static_cast<std::size_t>(layout.pipeline), 0.0);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const auto stage = static_cast<std::size_t>(g / layout.tensor);
    double* const first = first_arrived_.data() + stage * all_.size();
    const auto row = finish_.begin() + layout.at(g, 0);
    for (std::int64_t r = 0; r < layout.replicas; ++r) first[r] = std::max(first[r], row[r]);
    double took = weights_.took()[static_cast<std::size_t>(g)];
    if (!noise_.is_sparse())
      took = std::max(took, *std::max_element(row, row + layout.replicas) - last_start_);
    stage_took_[stage] = std::max(stage_took_[stage], took);
  }
  return {first_arrived_.data(), stage_took_.data()};
}

/// A first call without late messages is known, or run with those of all groups; else it is run on
/// finish_, from ready_.
void StepCourse::run_late(LateWeights& weights) {
  if (std::exchange(weights.is_run, true)) return;
  const Layout& layout = point_.layout();
  const std::int64_t g = weights.late.group;
  const bool known = !weights.most.empty();
  const auto row = [&](std::vector<double>& all) { return all.begin() + layout.at(g, 0); };
  double took = weights_.took()[static_cast<std::size_t>(g)];
  if (!noise_.is_sparse())
    took = std::max(took,
                    *std::max_element(row(finish_), row(finish_) + layout.replicas) - last_start_);
  if (known && weights.late.in_first == 0) {
    const std::span<const double> first = weights_.group_times().of(g);
    weights.first.assign(first.begin(), first.end());
  } else {
    for (auto* array : {&ready_, &finish_}) array->resize(static_cast<std::size_t>(layout.chips()));
    if (known) std::fill_n(row(ready_), layout.replicas, 0.0);
    if (known || !noise_.is_sparse())
      weights_.run_first(std::span(&g, 1), noise_, true, ready_.data(), finish_.data(), how_);
    weights.first.assign(row(finish_), row(finish_) + layout.replicas);
  }
  const auto delays = weights_.delays(std::span(&weights.late, 1), noise_, how_);
  weights.chunks = ChunkCalls{weights_.chunks(), took, delays.front()}.arrivals(
      point_.chunk_turns().first_used[weights.stage],
      point_.chunk_turns().last_used[weights.stage]);
}

/// The replica has the first chunk and the last one of the stage without late messages. How much
/// later the others are rises and then falls with its microbatch: at the turn both are equally
/// late.
double StepCourse::most_delay(const LateWeights& weights, double least_microbatch) const {
  const double first_turn = point_.chunk_turns().first_used[weights.stage],
               last_turn = point_.chunk_turns().last_used[weights.stage];
  const double others =
      static_cast<double>(weights_.chunks() - 1) * weights_.stage_took()[weights.stage];
  double most = 0;
  const auto look_at = [&](double microbatch) {
    const double quiet = std::max(-first_turn * microbatch, others - last_turn * microbatch);
    for (const ChunkCalls::Arrival& chunk : weights.most)
      most = std::max(most, chunk.after_first - chunk.turn * microbatch - quiet);
  };
  look_at(least_microbatch);
  const double turn = others / (last_turn - first_turn);
  if (turn > least_microbatch && std::isfinite(turn)) look_at(turn);
  return most;
}

bool StepCourse::goes_by_replica(const StepNoise& noise) const {
  return point_.pipelines_are_exact() && gradients_.times() && noise.is_sparse() &&
         (weights_.empty() || weights_.times());
}

void StepCourse::begin_latest(const StepNoise& noise, const Execution& how) {
  begin_step({}, true, noise, how);
  for (std::int32_t r : added_) compute_end_[static_cast<std::size_t>(r)] = left_out;
  added_.clear();
}

void StepCourse::add(std::span<const std::int32_t> replicas, std::span<const double> stage_time) {
  if (added_.size() < all_.size()) added_.insert(added_.end(), replicas.begin(), replicas.end());
  // Who begins late may compute last and still not be the latest.
  if (std::ssize(replicas) <= 2 * pipeline_lanes || !starts_together_) {
    add_exactly(replicas, stage_time);
    return;
  }
  compute(replicas, stage_time, true);
  Bounds bounds{
      .behind = std::vector<double>(start_.size()),
      .schedule = replica_time_,
      .taken = {},
      .least_microbatch = HUGE_VAL,
      .finish = std::vector<double>(static_cast<std::size_t>(point_.layout().pipeline), left_out)};
  for (std::int32_t r : replicas)
    bounds.least_microbatch =
        std::min(bounds.least_microbatch, microbatch_[static_cast<std::size_t>(r)]);
  bounds.late = late_gradients(bounds.least_microbatch);
  set_behind(replicas, compute_end_, microbatch_, bounds);
  std::vector<std::int32_t> heap(replicas.begin(), replicas.end());
  for (std::int32_t r : heap) compute_end_[static_cast<std::size_t>(r)] = left_out;
  const auto later = [&](std::int32_t a, std::int32_t b) {
    return bounds.behind[static_cast<std::size_t>(a)] > bounds.behind[static_cast<std::size_t>(b)];
  };
  std::make_heap(heap.begin(), heap.end(), later);
  std::vector<std::int32_t> batch;
  for (int look = 0; look < looks; ++look) {
    batch.clear();
    for (; !heap.empty() && std::ssize(batch) < pipeline_lanes; heap.pop_back()) {
      if (!(bounds.behind[static_cast<std::size_t>(heap.front())] < needed(bounds))) break;
      std::pop_heap(heap.begin(), heap.end(), later);
      batch.push_back(heap.back());
    }
    if (batch.empty()) return;
    add_exactly(batch, stage_time);
  }
  // What others add only leaves less to those who are left.
  const double left = needed(bounds);
  std::erase_if(
      heap, [&](std::int32_t r) { return !(bounds.behind[static_cast<std::size_t>(r)] < left); });
  if (!heap.empty()) add_exactly(heap, stage_time);
}

/// The latest of their ready times + costs, and of their last chunks, update included.
void StepCourse::add_exactly(std::span<const std::int32_t> replicas,
                             std::span<const double> stage_time) {
  compute(replicas, stage_time);
  const ChunkTurns& turns = point_.chunk_turns();
  const auto stages = static_cast<std::size_t>(point_.layout().pipeline);
  const std::size_t row = all_.size();
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

/// When the latest of a group ends, update included, whose first call has no late message.
double StepCourse::latest_of(const WindowCalls::LateGroup& late) {
  const std::int64_t stage = late.group / point_.layout().tensor;
  gradients_of(stage);
  const std::vector<double>& updates = windows_->updates;
  std::vector<double> first(updates.size(), left_out);
  for (std::size_t c = 0; c < updates.size(); ++c) {
    const std::span<const double> cost =
        gradients_.group_times().of(late.group, static_cast<std::int64_t>(c));
    for (std::size_t r = 0; r < cost.size(); ++r)
      first[c] = std::max(first[c], stage_ready_[r] + cost[r]);
  }
  const auto with = [&](std::span<const LateCall> calls) {
    const ChunkCalls::End end =
        ChunkCalls{gradients_.chunks(), gradients_.took()[static_cast<std::size_t>(late.group)],
                   calls}
            .end([&](std::int64_t chunk) {
              return gradients_ready(static_cast<std::size_t>(stage), chunk);
            });
    double latest = left_out;
    for (std::size_t c = 0; c < updates.size(); ++c)
      latest = std::max(latest, end.of(first[c]) + updates[c]);
    return latest;
  };
  // Waiting for chunks makes up for delays often.
  const double most = with(late.most());
  if (!(most * (1 + 1e-12) > latest_) || most == with({})) return most;
  return with(gradients_.delays(std::span(&late, 1), noise_, how_).front());
}

/// Groups with late messages, the latest first, until no other can be later; whoever was not added
/// is left out. By the kernels where the first call has some.
void StepCourse::end_latest(const Bounds* bounds) {
  const Layout& layout = point_.layout();
  struct Candidate {
    double most;
    const WindowCalls::LateGroup* late;
  };
  std::vector<Candidate> candidates;
  std::vector<StageGradients> gradients(static_cast<std::size_t>(layout.pipeline));
  for (const auto& one : late_) {
    const auto stage = static_cast<std::size_t>(one.group / layout.tensor);
    if (bounds && !matters(*bounds, stage)) continue;
    StageGradients& ready = gradients[stage];
    if (ready.first_ready == left_out) ready = gradients_of(static_cast<std::int64_t>(stage));
    const double took = gradients_.took()[static_cast<std::size_t>(one.group)];
    const std::vector<LateCall> most = one.most();
    const ChunkCalls::End end =
        ChunkCalls{gradients_.chunks(), took, most}.end(ready.first_ready, ready.last_ready);
    candidates.push_back({end.of(ready.first_ready + took + one.in_first), &one});
  }
  std::ranges::sort(candidates, std::greater(), &Candidate::most);
  for (const auto& [most, late] : candidates) {
    if (!(most * (1 + 1e-12) + windows_->updates.back() > latest_)) break;
    if (late->in_first == 0) {
      latest_ = std::max(latest_, latest_of(*late));
      continue;
    }
    run_gradients(std::span(&late->group, 1), std::span(late, 1));
    for (std::int64_t r = 0; r < layout.replicas; ++r)
      latest_ = std::max(latest_, finish_[static_cast<std::size_t>(layout.at(late->group, r))] +
                                      point_.update_time()[static_cast<std::size_t>(r)]);
  }
}

}  // namespace lockstep
