#include "engine/power/meter/held_power.hpp"

#include <algorithm>
#include <limits>

namespace lockstep {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

}  // namespace

/// Adds chips x (min(max(level, low), high) - high) over [from, to], less where `to` comes first.
/// Returns for how many chip-seconds the level was below `low`.
double HeldPower::hold(const BoxLine& line, double from, double to, double low, double high,
                       double chips) {
  if (to < from) return hold(line, to, from, low, high, -chips);
  from = std::max({from, line.begin, -now_});
  to = std::min(to, line.end);
  if (!(from < to) || !(low < high)) return 0;
  const double weight = chips * per_watt_;
  const auto held = [&](double time) { return std::clamp(line.at(time), low, high) - high; };
  trace_->jump(now_ + from, weight * held(from));
  trace_->jump(now_ + to, -weight * held(to));
  if (line.slope == 0) return line.watts <= low ? chips * (to - from) : 0;
  const auto crossing = [&](double watts) {
    return std::clamp(line.begin + (watts - line.watts) / line.slope, from, to);
  };
  const double at_low = crossing(low), at_high = crossing(high);
  trace_->bend(now_ + std::min(at_low, at_high), weight * line.slope);
  trace_->bend(now_ + std::max(at_low, at_high), -weight * line.slope);
  return chips * (line.slope > 0 ? at_low - from : to - at_low);
}

double HeldPower::hold(const BoxWait& wait, double from, double to, double low, double high,
                       double chips) {
  double below = 0;
  if (low < high)
    for (const BoxLine& line : law_->lines(wait)) below += hold(line, from, to, low, high, chips);
  return below;
}

void HeldPower::take(std::size_t generation) {
  per_watt_ = job_.per_watt[generation];
  asks_ = &job_.asks[generation];
  draws_ = &job_.draws[generation];
  law_ = &boxes_->law(generation);
}

double HeldPower::add(const StepView& step, const StepWindows& windows, double now,
                      PowerTrace& trace) {
  boxes_ = static_cast<const ChipBoxes*>(step.delay);
  trace_ = &trace;
  now_ = now;
  double below = hold_chips(step, windows);
  for (std::size_t b = 0; b < boxes_->boxes().size(); ++b) {
    const ChipBoxes::Box& box = boxes_->boxes()[b];
    take(box.generation);
    if (!law_->is_open(box.before) || !law_->is_open(box.after))
      below +=
          hold_box(step, b, windows.begin[box.window], std::max(0.0, windows.length[box.window]));
  }
  return below;
}

/// The waits around a window, taken as waiting, and the window.
double HeldPower::hold_box(const StepView& step, std::size_t index, double from, double length) {
  const ChipBoxes::Box& box = boxes_->boxes()[index];
  double below = hold(box.before, 0, from, asks_->waiting, draws_->waiting, box.chips);
  below += hold(box.after, from + length, step.end, asks_->waiting, draws_->waiting, box.chips);
  const double level = box.before.next;
  if (level >= law_->peak || length <= 0) return below;
  const BoxLine rises{from, never, level, law_->ramp_up};
  const double computing = computing_[index], speaking = speaking_[index];
  const double to = from + length, peak = from + std::min(job_.peak_time, length);
  hold(rises, from, peak, 0, draws_->peak, computing);
  hold(rises, peak, to, 0, draws_->compute, computing);
  below += hold(rises, from, to, asks_->communication, draws_->communication, speaking);
  below += hold(rises, from, to, asks_->waiting, draws_->waiting, box.chips - computing - speaking);
  return below;
}

/// What differs between the chips of a box: finds their shares of the window, and adds what their
/// exchanges and updates draw in place of waiting.
double HeldPower::hold_chips(const StepView& step, const StepWindows& windows) {
  const DesignPoint& job = *job_.job;
  const Layout& layout = job.layout();
  computing_.assign(boxes_->boxes().size(), 0.0);
  speaking_ = computing_;
  double below = 0;
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    const auto stage = static_cast<std::size_t>(g / layout.tensor);
    for (const DesignPoint::Run& run : job.runs()[static_cast<std::size_t>(g)]) {
      take(run.generation);
      const bool alike = asks_->waiting == asks_->communication;
      const double update = job.optimizer_time()[run.generation];
      for (std::int64_t replica = run.begin; replica < run.end; ++replica) {
        const auto r = static_cast<std::size_t>(replica);
        const std::size_t window = stage * static_cast<std::size_t>(layout.replicas) + r;
        const std::size_t b = boxes_->index(window, run.generation);
        const ChipBoxes::Box& box = boxes_->boxes()[b];
        if (law_->is_open(box.before) && law_->is_open(box.after)) continue;
        const auto i = static_cast<std::size_t>(layout.at(g, replica));
        const double share = std::min(1.0, (step.busy[i] - update) * windows.per_length[window]);
        computing_[b] += share;
        const double done = step.finish[i] - update;
        if (update > 0) hold_update(box.after, done, step.finish[i]);
        if (alike) continue;
        const double layers = job_.layers[layout.generation[r] * windows.last.size() + stage];
        speaking_[b] +=
            std::min(layers * job.work().microbatches[r] * windows.per_length[window], 1 - share);
        if (!step.synchronizes) continue;
        below += hold_exchange(box.before, step.start.empty() ? 0 : step.start[i],
                               step.compute_begin[r]);
        below += hold_exchange(box.after, windows.last[stage], done);
      }
    }
  }
  return below;
}

/// Communication in place of waiting, of one chip.
double HeldPower::hold_exchange(const BoxWait& wait, double from, double to) {
  return hold(wait, from, to, asks_->communication, draws_->communication, 1) +
         hold(wait, from, to, asks_->waiting, draws_->waiting, -1);
}

/// An update in place of waiting, of one chip: until the box falls.
void HeldPower::hold_update(const BoxWait& wait, double from, double to) {
  const std::array<BoxLine, 4> lines = law_->lines(wait);
  hold(lines[0], from, to, asks_->waiting, draws_->compute, 1);
  hold(lines[0], from, to, asks_->waiting, draws_->waiting, -1);
  const BoxLine waits{lines[0].end, never, 0, 0};
  hold(waits, from, to, draws_->waiting, draws_->compute, 1);
}

}  // namespace lockstep
