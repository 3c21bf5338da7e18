#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "engine/power/chip_power.hpp"
#include "engine/power/smoothing/chip_boxes.hpp"
#include "engine/power/smoothing/chip_speed.hpp"
#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"
#include "topologies/table.hpp"

namespace lockstep::test {

/// With the boxes that its study asks for.
inline std::unique_ptr<DesignPoint> make_held_point(const std::string& lines) {
  const Values values = scenario_values(lines);
  Scenario scenario = scenario_from(values, topology_kinds(), 1);
  scenario.phases = phases();
  slow_down(scenario, values);
  return std::make_unique<DesignPoint>(std::move(scenario), values);
}

/// What every chip drew, phase by phase, from the page's words: a phase that asks for `asks` and
/// has `draws` under an open box gets min(max(level, asks), draws), compute no more than the level.
class HeldPhases final : public StepObserver {
 public:
  HeldPhases(const DesignPoint& job, const Power& power) : job_(job), power_(power) {}

  void see(const StepView& step) override {
    if (step.step == 0) origin_ = step.begin;
    zero_ = step.begin - origin_;
    const auto& boxes = static_cast<const ChipBoxes&>(*step.delay);
    const Layout& layout = job_.layout();
    for (std::int64_t g = 0; g < layout.groups(); ++g)
      for (std::int64_t r = 0; r < layout.replicas; ++r) see_chip(step, boxes, g, r);
  }

  /// Mean power over a bin at supplies [W].
  double mean(double from, double to) const {
    double sum = 0;
    for (const Piece& piece : pieces_) sum += piece.energy(std::max(from, 0.0), to);
    return sum / (to - from);
  }
  /// Pieces on which a level rose.
  int ramping() const { return ramping_; }

 private:
  /// A straight level between what is asked for and what an open box has, `share` of the time.
  struct Piece {
    double begin, end, level, slope, asks, draws, share;
    double still, per_watt;  // at supplies

    /// Of min(max(v, asks), draws) up to v.
    double integral(double v) const {
      if (v < asks) return asks * v;
      const double inside =
          asks * asks + 0.5 * (std::min(v, draws) + asks) * (std::min(v, draws) - asks);
      return v <= draws ? inside : inside + draws * (v - draws);
    }
    double energy(double from, double to) const {
      from = std::max(from, begin);
      to = std::min(to, end);
      if (!(from < to)) return 0;
      const double first = level + slope * (from - begin), last = level + slope * (to - begin);
      const double held = slope == 0 ? (to - from) * std::clamp(level, asks, draws)
                                     : (integral(last) - integral(first)) / slope;
      return share * (still * (to - from) + per_watt * held);
    }
  };

  void see_chip(const StepView& step, const ChipBoxes& boxes, std::int64_t group,
                std::int64_t replica) {
    const Layout& layout = job_.layout();
    const auto i = static_cast<std::size_t>(layout.at(group, replica));
    const auto r = static_cast<std::size_t>(replica);
    const auto stage = static_cast<std::size_t>(group / layout.tensor);
    chip_ = &job_.scenario().fleet.generations[layout.generation[i]].chip;
    for (const ChipBoxes::Box& one : boxes.boxes())
      if (one.window == stage * static_cast<std::size_t>(layout.replicas) + r &&
          one.generation == layout.generation[i])
        box_ = &one;
    const auto window = [&](std::size_t k) {
      return std::pair{
          step.compute_begin[k] + job_.chunk_turns().first_used[stage] * step.microbatch[k],
          step.compute_end[k] - job_.chunk_turns().last_done[stage] * step.microbatch[k]};
    };
    const auto [begin, end] = window(r);
    double last = end;
    for (std::size_t k = 0; step.synchronizes && k < step.compute_begin.size(); ++k)
      last = std::max(last, window(k).second);
    const ChipPower asks = chip_demand(power_, *chip_), draws = chip_power(power_, *chip_);
    window_ = begin;
    const auto wait = [&](double from, double to, Where where, bool speaks) {
      phase(from, to, speaks ? asks.communication : asks.waiting,
            speaks ? draws.communication : draws.waiting, where, 1);
    };
    const double update = job_.optimizer_time()[layout.generation[i]];
    const double length = end - begin, busy = (step.busy[i] - update) / length;
    const auto layers = job_.planned_phases().exposed_of_microbatch(job_.phases().size(), {});
    const double speaks =
        std::min(layers[layout.generation[r] * static_cast<std::size_t>(layout.pipeline) + stage] *
                     job_.work().microbatches[r] / length,
                 1 - busy);
    const double start = step.start.empty() ? 0 : step.start[i];
    const double peak = begin + std::min(power_.overshoot_time, length);
    wait(start, step.compute_begin[r], before, step.synchronizes);
    wait(step.compute_begin[r], begin, before, false);
    phase(begin, peak, 0, draws.peak, inside, busy);
    phase(peak, end, 0, draws.compute, inside, busy);
    phase(begin, end, asks.communication, draws.communication, inside, speaks);
    phase(begin, end, asks.waiting, draws.waiting, inside, 1 - busy - speaks);
    wait(end, last, after, false);
    const double done = step.finish[i] - update, fall = box_->after.fall;
    wait(last, done, after, step.synchronizes);
    phase(done, std::min(step.finish[i], std::max(done, fall)), asks.waiting, draws.compute, after,
          1);
    wait(std::max(done, fall), step.finish[i], after, false);
    const bool together = step.synchronizes && job_.scenario().job.gradient_clipping;
    if (together) wait(step.finish[i], step.end, after, false);
  }

  /// A phase before, in or after the window that begins at `window`.
  enum Where { before, inside, after };
  void phase(double from, double to, double asks, double draws, Where where, double share) {
    const double up = power_.ramp_up.value_or(0), down = power_.ramp_down.value_or(0);
    const double peak = 10 * chip_->tdp;
    const double level = power_.ramp_up ? -1 : peak;  // where a rise takes no time
    const BoxWait& wait = where == before ? box_->before : box_->after;
    if (where == inside) {
      const double first = box_->before.next + up * (from - window_);
      return add(from, to, level < 0 ? first : peak, up, asks, draws, share);
    }
    add(std::max(from, wait.from), std::min(to, wait.fall),
        wait.level + up * (std::max(from, wait.from) - wait.from), up, asks, draws, share);
    const double fallen = std::max(from, wait.fall);
    add(fallen, std::min(to, wait.rise),
        power_.ramp_down ? wait.held - down * (fallen - wait.fall) : wait.lowest, -down, asks,
        draws, share);
    const double risen = std::max(from, wait.rise);
    add(risen, std::min(to, wait.begin), level < 0 ? wait.lowest + up * (risen - wait.rise) : peak,
        up, asks, draws, share);
    add(std::max(from, wait.begin), to, wait.next, 0, asks, draws, share);
  }
  void add(double from, double to, double level, double slope, double asks, double draws,
           double share) {
    if (!(from < to) || share == 0) return;
    ramping_ += slope > 0 && level < draws;
    const double follows =
        power_.host_following * chip_->host_power / (chip_->tdp - chip_->idle_power);
    const double still =
        chip_->host_power * (1 - power_.host_following) - follows * chip_->idle_power;
    pieces_.push_back({zero_ + from, zero_ + to, level, slope, asks, std::max(asks, draws), share,
                       still / power_.conversion_efficiency,
                       (1 + follows) / power_.conversion_efficiency});
  }

  const DesignPoint& job_;
  Power power_;
  const Chip* chip_ = nullptr;
  const ChipBoxes::Box* box_ = nullptr;
  double origin_ = 0, zero_ = 0, window_ = 0;
  int ramping_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace lockstep::test
