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
  if (!(from < to) || chips == 0) return 0;
  const double weight = chips * per_watt_;
  const auto held = [&](double time) { return std::clamp(line.at(time), low, high) - high; };
  trace_->jump(now_ + from, weight * held(from));
  trace_->jump(now_ + to, -weight * held(to));
  if (line.slope == 0) return line.watts <= low ? chips * (to - from) : 0;
  const double per_slope = 1 / line.slope;
  const auto crossing = [&](double watts) {
    return std::clamp(line.begin + (watts - line.watts) * per_slope, from, to);
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

void HeldPower::begin(const StepView& step, const StepWindows& windows, double now,
                      PowerTrace& trace) {
  boxes_ = static_cast<const ChipBoxes*>(step.delay);
  step_ = &step;
  windows_ = &windows;
  trace_ = &trace;
  now_ = now;
}

double HeldPower::add_stage(std::int64_t stage, std::span<const double> computing,
                            std::span<const double> speaking) {
  const std::size_t replicas = step_->compute_begin.size();
  double below = 0;
  for (const ChipBoxes::Box& box :
       boxes_->of_windows(window(static_cast<std::size_t>(stage), 0), replicas)) {
    take(box.generation);
    if (law_->is_open(box.before) && law_->is_open(box.after)) continue;
    const std::size_t i = box.generation * replicas + box.window % replicas;
    below += hold_box(box, computing[i], speaking[i]);
  }
  return below;
}

/// The waits around a window, taken as waiting, and the window.
double HeldPower::hold_box(const ChipBoxes::Box& box, double computing, double speaking) {
  const double from = windows_->begin[box.window];
  const double length = std::max(0.0, windows_->length[box.window]);
  double below = hold(box.before, 0, from, asks_->waiting, draws_->waiting, box.chips);
  below += hold(box.after, from + length, step_->end, asks_->waiting, draws_->waiting, box.chips);
  const double level = box.before.next;
  if (level >= law_->peak || length == 0) return below;
  const BoxLine rises{from, never, level, law_->ramp_up};
  const double to = from + length, peak = from + std::min(job_.peak_time, length);
  hold(rises, from, peak, 0, draws_->peak, computing);
  hold(rises, peak, to, 0, draws_->compute, computing);
  if (asks_->communication < draws_->communication)
    below += hold(rises, from, to, asks_->communication, draws_->communication, speaking);
  if (asks_->waiting < draws_->waiting)
    below +=
        hold(rises, from, to, asks_->waiting, draws_->waiting, box.chips - computing - speaking);
  return below;
}

double HeldPower::hold_exchange(std::size_t stage, std::size_t replica, std::size_t generation,
                                double start, double done) {
  const ChipBoxes::Box& own = box(window(stage, replica), generation);
  double below = 0;
  if (!law_->is_open(own.before))
    below += hold_exchange(own.before, start, step_->compute_begin[replica]);
  if (!law_->is_open(own.after)) below += hold_exchange(own.after, windows_->last[stage], done);
  return below;
}

double HeldPower::hold_exchange(const BoxWait& wait, double from, double to) {
  return hold(wait, from, to, asks_->communication, draws_->communication, 1) +
         hold(wait, from, to, asks_->waiting, draws_->waiting, -1);
}

/// Until the box falls: an update beyond that draws what waits do.
bool HeldPower::holds_update(std::size_t stage, std::size_t replica, std::size_t generation,
                             double finish, double update) {
  const BoxWait& wait = box(window(stage, replica), generation).after;
  if (law_->is_open(wait)) return false;
  const double from = finish - update, to = std::min(finish, wait.fall);
  if (!(from < to)) return true;
  const double more = (draws_->compute - draws_->waiting) * per_watt_;
  trace_->jump(now_ + from, more);
  trace_->jump(now_ + to, -more);
  const BoxLine rises = law_->lines(wait)[0];
  hold(rises, from, to, asks_->waiting, draws_->compute, 1);
  if (asks_->waiting < draws_->waiting) hold(rises, from, to, asks_->waiting, draws_->waiting, -1);
  return true;
}

}  // namespace lockstep
