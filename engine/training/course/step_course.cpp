#include "engine/training/course/step_course.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lockstep {

StepCourse::StepCourse(const DesignPoint& point) : StepCourse(point, point.phases().size()) {
  windows_ = &point.windows();
}

StepCourse::StepCourse(const DesignPoint& point, std::size_t rows)
    : point_(point),
      rows_(rows),
      weights_(point, Window::first_forward, rows),
      gradients_(point, Window::last_backward, rows) {
  const auto replicas = static_cast<std::size_t>(point.layout().replicas);
  for (auto* array :
       {&start_, &replica_time_, &compute_begin_, &compute_end_, &microbatch_, &stage_ready_})
    array->resize(replicas);
  stage_time_.resize(static_cast<std::size_t>(point.layout().pipeline) * replicas);
  all_.resize(replicas);
  std::iota(all_.begin(), all_.end(), 0);
  groups_.resize(static_cast<std::size_t>(point.layout().groups()));
  std::iota(groups_.begin(), groups_.end(), 0);
  added_ = all_;
}

void StepCourse::begin(const LinkState& links) {
  weights_.begin(links, windows_ ? &windows_->first_forward : nullptr);
  gradients_.begin(links, windows_ ? &windows_->last_backward : nullptr);
  const Layout& layout = point_.layout();
  const std::vector<double> exposed = point_.planned_phases().exposed_of_microbatch(rows_, links);
  exposed_.resize(stage_time_.size());
  for (std::size_t i = 0; i < exposed_.size(); ++i) {
    const std::size_t r = i % all_.size(), stages = static_cast<std::size_t>(layout.pipeline);
    exposed_[i] =
        exposed[layout.generation[r] * stages + i / all_.size()] * point_.work().microbatches[r];
  }
}

void StepCourse::run(std::span<const double> stage_time, std::span<const double> start,
                     bool synchronizes, Finishes asked, const StepNoise& noise,
                     const Execution& how) {
  const Layout& layout = point_.layout();
  begin_step(start, synchronizes, noise, how);
  added_ = all_;
  const bool by_cost =
      synchronizes && asked != Finishes::all && gradients_.times() && noise.is_sparse();
  if (by_cost) {
    if (asked == Finishes::latest)
      add(all_, stage_time);
    else
      add_exactly(all_, stage_time);
    end_latest();
    if (asked != Finishes::latest_and_all) return;
  } else {
    compute(all_, stage_time);
  }
  if (synchronizes) {
    run_gradients(groups_, late_);
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
  noise_ = noise;
  how_ = how;
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
  late_weights_.clear();
  arrivals_ = {};
  late_.clear();
  latest_ = left_out;
  if (!synchronizes) return;
  if (!weights_.empty()) arrivals_ = weights_arrive(start);
  late_ = gradients_.find_late(noise_);
}

/// Of a first call, and of the last one after it.
void StepCourse::await(const Arrivals& arrivals, std::span<const std::int32_t> replicas,
                       const std::vector<double>& microbatch, std::vector<double>& begin) const {
  if (!arrivals.first) return;
  const ChunkTurns& turns = point_.chunk_turns();
  const double ahead = point_.scenario().job.prefetch ? weights_.time() : 0;
  for (std::size_t s = 0, row = 0; row < stage_time_.size(); ++s, row += all_.size()) {
    const double *const first = arrivals.first + row, first_used = turns.first_used[s],
                        last_used = turns.last_used[s];
    const double others = static_cast<double>(weights_.chunks() - 1) * arrivals.took[s];
    each(replicas, [&](std::size_t r) {
      const double chunk = first[r] - ahead - first_used * microbatch[r];
      const double last = first[r] + others - ahead - last_used * microbatch[r];
      const double later = chunk > last ? chunk : last;
      begin[r] = begin[r] > later ? begin[r] : later;
    });
  }
}

/// By how much a chunk comes after compute_begin_ less its turn, of the replica where that is most.
double StepCourse::latest_delay(const double* first, double after, double turn) const {
  const double *const microbatch = microbatch_.data(), *const begin = compute_begin_.data();
  const std::size_t replicas = all_.size();
  double latest = left_out;
#pragma omp simd reduction(max : latest)  // the same in any order
  for (std::size_t r = 0; r < replicas; ++r) {
    const double delay = first[r] + after - turn * microbatch[r] - begin[r];
    latest = latest > delay ? latest : delay;
  }
  return latest;
}

/// As await, on compute_begin_.
void StepCourse::await_late(std::span<const std::int32_t> replicas) {
  if (late_weights_.empty() || replicas.empty()) return;
  const double ahead = point_.scenario().job.prefetch ? weights_.time() : 0;
  double shortest = HUGE_VAL;
  for (std::int32_t r : replicas)
    shortest = std::min(shortest, microbatch_[static_cast<std::size_t>(r)]);
  const bool all = replicas.size() == all_.size();
  const auto delays = [&](std::size_t stage, std::span<const ChunkCalls::Arrival> chunks) {
    const double* const first = arrivals_.first + stage * all_.size();
    return std::ranges::any_of(chunks, [&](const ChunkCalls::Arrival& chunk) {
      const double after = chunk.after_first - ahead, turn = chunk.turn;
      if (all) return latest_delay(first, after, turn) > 0;
      return std::ranges::any_of(replicas, [&](std::int32_t replica) {
        const auto r = static_cast<std::size_t>(replica);
        return first[r] + after - turn * microbatch_[r] - compute_begin_[r] > 0;
      });
    });
  };
  std::vector<std::uint8_t> stage_delays;  // whether any of its groups does
  for (std::size_t s = 0; s < latest_weights_.size(); ++s)
    stage_delays.push_back(delays(s, latest_weights_[s]));
  for (LateWeights& late : late_weights_) {
    if (!late.is_run && !(stage_delays[late.stage] && most_delay(late, shortest) > 0 &&
                          delays(late.stage, late.most)))
      continue;
    run_late(late);
    for (const ChunkCalls::Arrival& chunk : late.chunks)
      for (std::int32_t replica : replicas) {
        const auto r = static_cast<std::size_t>(replica);
        const double later =
            late.first[r] + chunk.after_first - ahead - chunk.turn * microbatch_[r];
        compute_begin_[r] = compute_begin_[r] > later ? compute_begin_[r] : later;
      }
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
  for (std::int32_t replica : replicas) {
    const auto r = static_cast<std::size_t>(replica);
    compute_begin_[r] =
        start_[r] + (synchronizes_ ? slow_down(weights_, room_of_weights(), microbatch_[r]) : 0.0);
  }
  await(arrivals_, replicas, microbatch_, compute_begin_);
  await_late(replicas);
  for (std::int32_t replica : replicas) {
    const auto r = static_cast<std::size_t>(replica);
    compute_end_[r] =
        compute_begin_[r] + replica_time_[r] +
        (synchronizes_ ? slow_down(gradients_, room_of_gradients(), microbatch_[r]) : 0.0);
  }
}

/// Every group holds a chip of every replica: no sum is complete before the last one's chunk.
StepCourse::StageGradients StepCourse::gradients_of(std::int64_t stage) {
  const ChunkTurns& turns = point_.chunk_turns();
  const auto s = static_cast<std::size_t>(stage);
  StageGradients gradients;
  for (std::size_t r = 0; r < compute_end_.size(); ++r) {
    stage_ready_[r] = compute_end_[r] - turns.first_done[s] * microbatch_[r];
    gradients.first_ready = std::max(gradients.first_ready, stage_ready_[r]);
    gradients.last_ready =
        std::max(gradients.last_ready, compute_end_[r] - turns.last_done[s] * microbatch_[r]);
  }
  return gradients;
}

double StepCourse::gradients_ready(std::size_t stage, std::int64_t chunk) const {
  const ChunkTurns& turns = point_.chunk_turns();
  const double first = turns.first_done[stage], last = turns.last_done[stage];
  const std::int64_t others = gradients_.chunks() - 1;
  const double share = static_cast<double>(chunk) / static_cast<double>(others);
  const double turn = chunk == others ? last : first + share * (last - first);
  const double *const end = compute_end_.data(), *const microbatch = microbatch_.data();
  const std::size_t replicas = all_.size();
  double latest = left_out;
#pragma omp simd reduction(max : latest)  // the same in any order
  for (std::size_t r = 0; r < replicas; ++r) {
    const double ready = end[r] - turn * microbatch[r];
    latest = latest > ready ? latest : ready;
  }
  return latest;
}

/// Writes the rows of `groups` in ready_ and finish_, updates left out; `late`: those of them that
/// have late messages. Dense noise makes the other calls longer as it does the first.
void StepCourse::run_gradients(std::span<const std::int64_t> groups,
                               std::span<const WindowCalls::LateGroup> late) {
  const Layout& layout = point_.layout();
  for (auto* array : {&ready_, &finish_}) array->resize(static_cast<std::size_t>(layout.chips()));
  std::vector<StageGradients> gradients(static_cast<std::size_t>(layout.pipeline));
  std::int64_t filled = -1;
  for (std::int64_t g : groups) {
    const std::int64_t stage = g / layout.tensor;
    if (stage != filled) gradients[static_cast<std::size_t>(stage)] = gradients_of(stage);
    filled = stage;
    std::ranges::copy(stage_ready_, ready_.begin() + layout.at(g, 0));
  }
  const auto stage_of = [&](std::int64_t g) -> const StageGradients& {
    return gradients[static_cast<std::size_t>(g / layout.tensor)];
  };
  const auto latest_of = [&](std::int64_t g) {
    return *std::max_element(finish_.begin() + layout.at(g, 0),
                             finish_.begin() + layout.at(g + 1, 0));
  };
  std::vector<double> took = gradients_.took();
  gradients_.run_first(groups, noise_, noise_.is_sparse(), ready_.data(), finish_.data(), how_);
  if (!noise_.is_sparse()) {
    std::vector<std::int64_t> late_first;
    for (const auto& one : late)
      if (one.in_first > 0) late_first.push_back(one.group);
    for (std::int64_t g : groups) {
      double& time = took[static_cast<std::size_t>(g)];
      time = std::max(time, latest_of(g) - stage_of(g).first_ready);
    }
    gradients_.run_first(late_first, noise_, true, ready_.data(), finish_.data(), how_);
  }
  const auto end_of = [&](std::int64_t g, std::span<const LateCall> calls) {
    return ChunkCalls{gradients_.chunks(), took[static_cast<std::size_t>(g)], calls}.end(
        [&](std::int64_t chunk) {
          return gradients_ready(static_cast<std::size_t>(g / layout.tensor), chunk);
        });
  };
  std::vector<WindowCalls::LateGroup> can_matter;
  for (const auto& one : late) {
    const double first = latest_of(one.group);
    if (end_of(one.group, one.most()).of(first) > end_of(one.group, {}).of(first))
      can_matter.push_back(one);
  }
  const std::vector<std::vector<LateCall>> delays = gradients_.delays(can_matter, noise_, how_);
  std::size_t next = 0;
  for (std::int64_t g : groups) {
    const bool is_late = next < can_matter.size() && can_matter[next].group == g;
    const ChunkCalls::End end = end_of(g, is_late ? delays[next++] : std::vector<LateCall>());
    for (std::int64_t at = layout.at(g, 0); at < layout.at(g + 1, 0); ++at)
      finish_[static_cast<std::size_t>(at)] = end.of(finish_[static_cast<std::size_t>(at)]);
  }
}

/// Adds what every chip computes once the gradients are there.
void StepCourse::update_weights() {
  const std::vector<double>& update = point_.update_time();
  for (std::size_t first = 0; first < finish_.size(); first += update.size())
    for (std::size_t r = 0; r < update.size(); ++r) finish_[first + r] += update[r];
}

}  // namespace lockstep
