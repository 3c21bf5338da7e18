#include "engine/power/power_meter.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

MeteredJob::MeteredJob(const DesignPoint& point, const Power& power)
    : job(&point),
      peak_time(power.overshoot_time),
      resolution(power.resolution),
      layers(point.planned_phases().exposed_of_microbatch(point.phases().size(), {})) {
  const Fleet& fleet = point.scenario().fleet;
  for (std::size_t g = 0; g < fleet.generations.size(); ++g) {
    chips.push_back(supply_power(power, fleet.generations[g].chip));
    const double used = point.chips_by_generation()[g];
    waiting += chips[g].waiting * used;
    context += chips[g].context * used;
    idle += chips[g].idle * (static_cast<double>(fleet.generations[g].chips) - used);
  }
}

PowerMeter::PowerMeter(const MeteredJob& job) : job_(job), trace_(job.resolution) {
  const Layout& layout = job.job->layout();
  const auto windows = static_cast<std::size_t>(layout.pipeline * layout.replicas);
  window_begin_.resize(windows);
  window_length_.resize(windows);
  per_length_.resize(windows);
  last_.resize(static_cast<std::size_t>(layout.pipeline));
  above_.resize(static_cast<std::size_t>(layout.replicas));
  peak_above_.resize(above_.size());
}

void PowerMeter::see(const StepView& step) {
  const Layout& layout = job_.job->layout();
  const bool first = step.step == 0;
  if (first) origin_ = step.begin;
  now_ = step.begin - origin_;
  trace_.reach(now_ + step.end);
  if (first) trace_.jump(0, job_.waiting);
  find_windows(step);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    if (g % layout.tensor == 0) {
      std::fill(above_.begin(), above_.end(), 0.0);
      std::fill(peak_above_.begin(), peak_above_.end(), 0.0);
    }
    add_group(step, g);
    if (g % layout.tensor == layout.tensor - 1) add_windows(g / layout.tensor);
  }
  const bool together = step.synchronizes && job_.job->scenario().job.gradient_clipping;
  end_ = now_ + (together ? step.end : std::ranges::min(step.finish));
}

void PowerMeter::find_windows(const StepView& step) {
  const ChunkTurns& turns = job_.job->chunk_turns();
  const std::size_t replicas = above_.size();
  for (std::size_t s = 0; s < last_.size(); ++s) {
    last_[s] = -HUGE_VAL;
    for (std::size_t r = 0; r < replicas; ++r) {
      const double begin = step.compute_begin[r] + turns.first_used[s] * step.microbatch[r];
      const double end = step.compute_end[r] - turns.last_done[s] * step.microbatch[r];
      window_begin_[s * replicas + r] = begin;
      window_length_[s * replicas + r] = end - begin;
      per_length_[s * replicas + r] = end > begin ? 1 / (end - begin) : 0;
      last_[s] = std::max(last_[s], end);
    }
  }
}

/// One chip of each replica: all but windows goes into the trace, windows into above_.
void PowerMeter::add_group(const StepView& step, std::int64_t group) {
  const DesignPoint& job = *job_.job;
  const auto stages = static_cast<std::size_t>(job.layout().pipeline);
  const auto stage = static_cast<std::size_t>(group / job.layout().tensor);
  const double* const per_length = per_length_.data() + stage * above_.size();
  const auto row = static_cast<std::size_t>(job.layout().at(group, 0));
  const double* const finish = step.finish.data() + row;
  const double* const busy = step.busy.data() + row;
  const double* const start = step.start.empty() ? nullptr : step.start.data() + row;
  for (const DesignPoint::Run& run : job.runs()[static_cast<std::size_t>(group)]) {
    const auto first = static_cast<std::size_t>(run.begin), end = static_cast<std::size_t>(run.end);
    const ChipPower& chip = job_.chips[run.generation];
    const double update = job.optimizer_time()[run.generation];
    const double computes = chip.compute - chip.waiting, peak = chip.peak - chip.compute;
    const double speaks = chip.communication - chip.waiting;
    // Nothing where the phases of gradients are not there.
    const double gathers = step.synchronizes ? speaks : 0;
    for (std::size_t r = first; r < end; ++r) {
      const double share = std::min(1.0, (busy[r] - update) * per_length[r]);
      above_[r] += computes * share;
      peak_above_[r] += peak * share;
    }
    for (std::size_t r = first; update > 0 && r < end; ++r) {
      trace_.jump(now_ + finish[r] - update, computes);
      trace_.jump(now_ + finish[r], -computes);
    }
    if (speaks == 0) continue;
    const double* const microbatches = job.work().microbatches.data();
    for (std::size_t r = first; r < end; ++r) {
      const double layers =
          job_.layers[job.layout().generation[r] * stages + stage] * microbatches[r];
      const double left = 1 - std::min(1.0, (busy[r] - update) * per_length[r]);
      above_[r] += speaks * std::min(layers * per_length[r], left);
      trace_.jump(now_ + (start ? start[r] : 0), gathers);
      trace_.jump(now_ + step.compute_begin[r], -gathers);
      trace_.jump(now_ + last_[stage], gathers);
      trace_.jump(now_ + finish[r] - update, -gathers);
    }
  }
}

void PowerMeter::add_windows(std::int64_t stage) {
  const std::size_t first = static_cast<std::size_t>(stage) * above_.size();
  for (std::size_t r = 0; r < above_.size(); ++r) {
    const double length = window_length_[first + r];
    if (length <= 0) continue;
    const double begin = now_ + window_begin_[first + r];
    trace_.jump(begin, above_[r] + peak_above_[r]);
    trace_.jump(begin + std::min(job_.peak_time, length), -peak_above_[r]);
    trace_.jump(begin + length, -above_[r]);
  }
}

}  // namespace lockstep
