#include <algorithm>
#include <cmath>

#include "engine/training/course/step_course.hpp"

namespace lockstep {

/// (replicas) what no schedule exceeds whose stages take `most`, (stages, replicas) with what their
/// layers' phases expose [s].
///
/// An end is the largest of sums over paths through the schedule, so that with profile p and factor
/// f >= 1, T(most) <= T(f p) + T(most - f p) <= f T(p) + PipelineSchedule::more_end of the rest.
/// Replicas with the same stages without noise share a profile (DesignPoint::Windows).
std::vector<double> StepCourse::most_schedules(const std::vector<double>& most) {
  const auto replicas = start_.size(), stages = most.size() / replicas;
  const DesignPoint::Profiles& profiles = windows_->profiles;
  for (std::size_t s = 0; s < stages; ++s)
    for (std::int32_t one : profiles.first) {
      const auto r = static_cast<std::size_t>(one);
      stage_time_[s * replicas + r] =
          profiles.stage_time[s * replicas + r] + exposed_[s * replicas + r];
    }
  const double transfer = point_.planned_phases().transfer(rows_);
  point_.pipeline_ends(stage_time_.data(), transfer, profiles.first, replica_time_.data());
  std::vector<double> schedule(replicas);
  for (std::size_t r = 0; r < replicas; ++r) {
    const auto like = static_cast<std::size_t>(profiles.like[r]);
    double factor = HUGE_VAL;
    for (std::size_t i = r, l = like; i < most.size(); i += replicas, l += replicas) {
      factor = std::min(factor, most[i] / stage_time_[l]);
    }
    factor = std::max(factor, 1.0);
    double rest = 0, most_rest = 0;
    for (std::size_t i = r, l = like; i < most.size(); i += replicas, l += replicas) {
      const double more = std::max(0.0, most[i] - factor * stage_time_[l]);
      rest += more;
      most_rest = std::max(most_rest, more);
    }
    schedule[r] = factor * replica_time_[like] +
                  point_.pipeline_more(static_cast<std::int64_t>(r), rest, most_rest);
  }
  return schedule;
}

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
      .schedule = most_schedules(all),
      .taken = std::vector<double>(replicas),
      .finish = std::vector<double>(static_cast<std::size_t>(point_.layout().pipeline), left_out)};
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

bool StepCourse::matters(const Bounds& bounds, std::size_t stage) const {
  return late_by_[stage] > 0 &&
         bounds.finish[stage] * (1 + 1e-12) + bounds.raised + bounds.delayed + late_by_[stage] >
             latest_;
}

double StepCourse::needed(const Bounds& bounds) const {
  double late = 0;
  for (std::size_t s = 0; s < late_by_.size(); ++s)
    if (matters(bounds, s)) late = std::max(late, late_by_[s]);
  return std::max(bounds.latest + bounds.delayed + late - latest_, bounds.compute - compute_time_);
}

}  // namespace lockstep
