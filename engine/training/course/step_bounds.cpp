#include <algorithm>
#include <cmath>

#include "engine/training/course/step_course.hpp"

namespace lockstep {

StepCourse::Bounds StepCourse::bounds(std::span<const double> most, std::span<const double> least) {
  const std::size_t replicas = start_.size();
  std::vector<double> all(most.begin(), most.end());
  // Slowest microbatches at most and at least: the shorter they are, the later chunks' turns are.
  std::vector<double> longest(replicas, 0.0), shortest(replicas, 0.0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t r = i % replicas;
    all[i] += exposed_[i];
    longest[r] = std::max(longest[r], all[i]);
    shortest[r] = std::max(shortest[r], least[i] + exposed_[i]);
  }
  Bounds bounds{
      .behind = std::vector<double>(replicas),
      .schedule = std::vector<double>(replicas),
      .taken = std::vector<double>(replicas),
      .finish = std::vector<double>(static_cast<std::size_t>(point_.layout().pipeline), left_out)};
  point_.pipeline_most_ends(all.data(), point_.planned_phases().transfer(rows_), all_,
                            bounds.schedule.data());
  std::vector<double> end(replicas, 0.0);
  for (std::size_t r = 0; r < replicas; ++r) {
    longest[r] /= point_.work().microbatches[r];
    shortest[r] /= point_.work().microbatches[r];
    end[r] = slow_down(weights_, room_of_weights(), longest[r]);
    bounds.taken[r] =
        bounds.schedule[r] + end[r] + slow_down(gradients_, room_of_gradients(), longest[r]);
  }
  if (!weights_.empty())
    await({weights_.times(), weights_.stage_took().data()}, all_, shortest, end);
  for (std::size_t r = 0; r < replicas; ++r)
    end[r] += bounds.schedule[r] + slow_down(gradients_, room_of_gradients(), longest[r]);
  bounds.least_microbatch = std::ranges::min(shortest);
  set_behind(all_, end, shortest, bounds);
  return bounds;
}

/// From when replicas end, with the schedules that the bounds have, and what their slowest
/// microbatches take.
void StepCourse::set_behind(std::span<const std::int32_t> replicas, const std::vector<double>& end,
                            const std::vector<double>& microbatch, Bounds& bounds) const {
  const ChunkTurns& turns = point_.chunk_turns();
  const std::vector<double>& updates = windows_->updates;
  const std::size_t stages = bounds.finish.size(), row = start_.size();
  const auto chunks = static_cast<double>(gradients_.chunks());
  std::vector<double> last(row, left_out), own(row);
  for (std::size_t s = 0; s < stages; ++s) {
    const double took = gradients_.stage_took()[s], others = (chunks - 1) * took;
    const double first_done = turns.first_done[s], last_done = turns.last_done[s];
    each(replicas, [&](std::size_t r) {
      const double chunk = end[r] - last_done * microbatch[r] + took + updates.back();
      own[r] = end[r] - first_done * microbatch[r];
      last[r] = last[r] > chunk ? last[r] : chunk;
    });
    for (std::size_t c = 0; c < updates.size(); ++c) {
      const double* const cost = gradients_.times() + (c * stages + s) * row;
      const double after = others + updates[c];
      each(replicas, [&](std::size_t r) {
        const double one = own[r] + cost[r] + after;
        last[r] = last[r] > one ? last[r] : one;
      });
    }
    double latest = left_out;  // late messages lengthen any of the calls
    for (std::int32_t r : replicas) {
      const double last_chunk =
          end[static_cast<std::size_t>(r)] - last_done * microbatch[static_cast<std::size_t>(r)];
      latest = std::max({latest, own[static_cast<std::size_t>(r)] + others, last_chunk});
    }
    bounds.finish[s] = std::max(bounds.finish[s], latest + took + updates.back());
  }
  bounds.latest = left_out;
  for (std::int32_t replica : replicas) {
    const auto r = static_cast<std::size_t>(replica);
    bounds.latest = std::max(bounds.latest, last[r]);
    bounds.compute = std::max(bounds.compute, bounds.schedule[r] + point_.update_time()[r]);
  }
  for (std::int32_t replica : replicas) {  // sums in another order differ by rounding
    const auto r = static_cast<std::size_t>(replica);
    bounds.behind[r] = std::min(bounds.latest - last[r],
                                bounds.compute - bounds.schedule[r] - point_.update_time()[r]) -
                       1e-12 * bounds.latest;
  }
}

/// (stages) by which late messages of gradients make replicas later at most [s].
std::vector<double> StepCourse::late_gradients(double least_microbatch) const {
  const ChunkTurns& turns = point_.chunk_turns();
  std::vector<double> late_by(static_cast<std::size_t>(point_.layout().pipeline), 0.0);
  for (const WindowCalls::LateGroup& late : late_) {
    const auto s = static_cast<std::size_t>(late.group / point_.layout().tensor);
    const double room = (turns.first_done[s] - turns.last_done[s]) * least_microbatch;
    const std::vector<LateCall> most = late.most();
    const double took = gradients_.stage_took()[s];
    const ChunkCalls calls{gradients_.chunks(), took, most};
    double more = calls.most_delay(room, late.in_first);
    if (room < static_cast<double>(calls.chunks - 1) * took) {  // its own first call may take less
      const std::size_t last_class = (windows_->updates.size() - 1) * late_by.size();
      const double* const costs = gradients_.times() + (last_class + s) * start_.size();
      more += std::max(0.0, took - *std::min_element(costs, costs + start_.size()));
    }
    late_by[s] = std::max(late_by[s], more);
  }
  return late_by;
}

void StepCourse::set_delays(Bounds& bounds) const {
  bounds.delayed = 0;
  for (const LateWeights& weights : late_weights_)
    bounds.delayed = std::max(bounds.delayed, most_delay(weights, bounds.least_microbatch));
  bounds.late = late_gradients(bounds.least_microbatch);
}

double StepCourse::needed(const Bounds& bounds) const {
  double late = 0;
  for (std::size_t s = 0; s < bounds.late.size(); ++s)
    if (matters(bounds, s)) late = std::max(late, bounds.late[s]);
  return std::max(bounds.latest + bounds.delayed + late - latest_, bounds.compute - compute_time_);
}

}  // namespace lockstep
