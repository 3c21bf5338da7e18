#include "engine/reliability/account.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

void Account::recover(const Recovery& recovery) {
  step_ = recovery.step;
  fewer_ = recovery.fewer;
  failed_ = recovery.now;
  // A planned end does not find out what an earlier failure was.
  detected_ = std::max(detected_, failed_ + recovery.detection);
  complete_ = std::max(detected_, recovery.complete);
  running_ = complete_ + restart_;
  delayed_ = delayed_until_ = 0;
}

double Account::delay(double now, double time) {
  const double begin = std::max({now, running_, delayed_until_});
  const double more = std::max(0.0, now + time - begin);
  delayed_ += more;
  delayed_until_ = std::max(delayed_until_, now + time);
  return more;
}

void Account::end_by_failure(double now) {
  add_standing_still(now);
  const Computed run = computed(now);
  keep(run.checkpoints * steps_);
  lose(LossCause::lost_work, run.since_checkpoint);
}

double Account::end_by_plan(double now) {
  add_standing_still(now);
  const Computed run = computed(now);
  const double whole = keep_whole_steps(run);
  const double saved = whole > 0 ? now + reliability_.checkpoint_write_time : now;
  const double end = std::min(saved, reliability_.horizon);
  lose(LossCause::checkpoint, end - now);
  return end;
}

void Account::end_by_horizon() {
  if (failed_ >= reliability_.horizon) return;
  add_standing_still(reliability_.horizon);
  keep_whole_steps(computed(reliability_.horizon));
}

/// Keeps what was computed but for the step that the end cuts. Returns the steps that no checkpoint
/// holds.
double Account::keep_whole_steps(const Computed& run) {
  const double whole = std::min(steps_, std::floor(run.since_checkpoint / whole_step()));
  keep(run.checkpoints * steps_ + whole);
  lose(LossCause::lost_work, std::max(0.0, run.since_checkpoint - whole * whole_step()));
  return whole;
}

void Account::keep(double steps) {
  steps_done_ += steps;
  useful_ += steps * std::min(step_, usual_step_);
  lose(LossCause::slow_members, steps * std::max(0.0, step_ - usual_step_));
  lose(LossCause::shrunk, steps * step_ * (fewer_ - 1));
}

void Account::add_standing_still(double until) {
  const auto part = [&](double begin, double end) {
    return std::max(0.0, std::min(end, until) - begin);
  };
  lose(LossCause::detection, part(failed_, detected_));
  lose(LossCause::waiting, part(detected_, complete_));
  lose(LossCause::restart, part(complete_, running_));
}

/// What was computed up to `until`; stalls and delays are accounted for.
Account::Computed Account::computed(double until) {
  const double running = std::max(0.0, until - running_);
  const double delayed =
      std::min(running, std::max(0.0, delayed_ - std::max(0.0, delayed_until_ - until)));
  lose(LossCause::link_flap, delayed);
  const double time = running - delayed;
  const double computing = steps_ * whole_step();
  const double period = computing + reliability_.checkpoint_write_time;
  Computed run;
  run.checkpoints = std::floor(time / period);
  const double rest = std::clamp(time - run.checkpoints * period, 0.0, period);
  run.since_checkpoint = std::min(rest, computing);
  lose(LossCause::checkpoint,
       run.checkpoints * reliability_.checkpoint_write_time + (rest - run.since_checkpoint));
  return run;
}

}  // namespace lockstep
