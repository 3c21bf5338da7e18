#include "engine/power/meter/power_meter.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

PowerMeter::PowerMeter(const MeteredJob& job)
    : job_(job),
      trace_(job.resolution),
      windows_(job.job->layout()),
      above_(static_cast<std::size_t>(job.job->layout().replicas)),
      peak_above_(above_),
      computing_(job.chips.size() * above_.size()),
      speaking_(computing_),
      held_power_(job) {}

void PowerMeter::see(const StepView& step) {
  const Layout& layout = job_.job->layout();
  const bool first = step.step == 0;
  if (first) origin_ = step.begin;
  now_ = step.begin - origin_;
  trace_.reach(now_ + step.end);
  if (first) trace_.jump(0, job_.waiting);
  windows_.find(job_.job->chunk_turns(), step);
  if (step.delay) held_power_.begin(step, windows_, now_, trace_);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    if (g % layout.tensor == 0) {
      std::fill(above_.begin(), above_.end(), 0.0);
      std::fill(peak_above_.begin(), peak_above_.end(), 0.0);
      std::fill(computing_.begin(), computing_.end(), 0.0);
      std::fill(speaking_.begin(), speaking_.end(), 0.0);
    }
    add_group(step, g);
    if (g % layout.tensor < layout.tensor - 1) continue;
    add_windows(g / layout.tensor);
    if (step.delay) held_ -= held_power_.add_stage(g / layout.tensor, computing_, speaking_);
  }
  if (job_.has_floor()) count_held(step);
  const bool together = step.synchronizes && job_.job->scenario().job.gradient_clipping;
  end_ = now_ + (together ? step.end : std::ranges::min(step.finish));
}

/// One chip of each replica: all but windows goes into the trace, windows into above_.
void PowerMeter::add_group(const StepView& step, std::int64_t group) {
  const DesignPoint& job = *job_.job;
  const auto stages = static_cast<std::size_t>(job.layout().pipeline);
  const auto stage = static_cast<std::size_t>(group / job.layout().tensor);
  const double* const per_length = windows_.per_length.data() + stage * above_.size();
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
    double* const computing = computing_.data() + run.generation * above_.size();
    double* const speaking = speaking_.data() + run.generation * above_.size();
    // Nothing where the phases of gradients are not there.
    const double gathers = step.synchronizes ? speaks : 0;
    for (std::size_t r = first; r < end; ++r) {
      const double share = std::min(1.0, (busy[r] - update) * per_length[r]);
      above_[r] += computes * share;
      peak_above_[r] += peak * share;
      computing[r] += share;
    }
    for (std::size_t r = first; update > 0 && r < end; ++r) {
      if (step.delay && held_power_.holds_update(stage, r, run.generation, finish[r], update))
        continue;
      trace_.jump(now_ + finish[r] - update, computes);
      trace_.jump(now_ + finish[r], -computes);
    }
    const bool exchanges = step.delay && !held_power_.waits_alike(run.generation);
    if (speaks == 0 && !exchanges) continue;
    const double* const microbatches = job.work().microbatches.data();
    for (std::size_t r = first; r < end; ++r) {
      const double layers =
          job_.layers[job.layout().generation[r] * stages + stage] * microbatches[r];
      const double left = 1 - std::min(1.0, (busy[r] - update) * per_length[r]);
      const double share = std::min(layers * per_length[r], left);
      above_[r] += speaks * share;
      speaking[r] += share;
      if (exchanges && step.synchronizes) {
        const double begin = start ? start[r] : 0, done = finish[r] - update;
        held_ -= held_power_.hold_exchange(stage, r, run.generation, begin, done);
      }
      if (gathers == 0) continue;
      trace_.jump(now_ + (start ? start[r] : 0), gathers);
      trace_.jump(now_ + step.compute_begin[r], -gathers);
      trace_.jump(now_ + windows_.last[stage], gathers);
      trace_.jump(now_ + finish[r] - update, -gathers);
    }
  }
}

void PowerMeter::add_windows(std::int64_t stage) {
  const std::size_t first = static_cast<std::size_t>(stage) * above_.size();
  for (std::size_t r = 0; r < above_.size(); ++r) {
    const double length = windows_.length[first + r];
    if (length <= 0) continue;
    const double begin = now_ + windows_.begin[first + r];
    trace_.jump(begin, above_[r] + peak_above_[r]);
    trace_.jump(begin + std::min(job_.peak_time, length), -peak_above_[r]);
    trace_.jump(begin + length, -above_[r]);
  }
}

void PowerMeter::count_held(const StepView& step) {
  const DesignPoint& job = *job_.job;
  const Layout& layout = job.layout();
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const auto stage = static_cast<std::size_t>(g / layout.tensor);
    const double* const length = windows_.length.data() + stage * above_.size();
    for (const DesignPoint::Run& run : job.runs()[static_cast<std::size_t>(g)]) {
      const ChipPower &asks = job_.asks[run.generation], &draws = job_.draws[run.generation];
      const bool computes = draws.compute > asks.compute, waits = draws.waiting > asks.waiting;
      const bool speaks = draws.communication > asks.communication;
      const double update = job.optimizer_time()[run.generation];
      for (std::int64_t replica = run.begin; replica < run.end; ++replica) {
        const auto i = static_cast<std::size_t>(layout.at(g, replica));
        const auto r = static_cast<std::size_t>(replica);
        const double window = std::max(0.0, length[r]);
        const double busy = std::min(window, step.busy[i] - update);
        double spoken = 0;
        if (speaks != waits) {
          const double layers = job_.layers[layout.generation[r] * windows_.last.size() + stage];
          spoken = std::min(layers * job.work().microbatches[r], window - busy);
          if (step.synchronizes)
            spoken += step.compute_begin[r] - (step.start.empty() ? 0 : step.start[i]) +
                      step.finish[i] - update - windows_.last[stage];
        }
        held_ += (computes ? busy + update : 0) + (speaks ? spoken : 0) +
                 (waits ? step.end - busy - update - spoken : 0);
      }
    }
  }
}

}  // namespace lockstep
