#pragma once

#include <array>

#include "engine/reliability/loss_cause.hpp"
#include "engine/reliability/reliability.hpp"

namespace lockstep {

/// Adds up what the time of a run goes to, from one interruption to the next. Between two of them
/// the job computes whole numbers of steps of equal length, and after so many of them stalls for a
/// checkpoint.
class Account {
 public:
  /// `usual_step` [s]: what goodput counts a step for at most. `restart` [s]: from complete nodes
  /// to the first step. `steps`: from one checkpoint to the next.
  Account(const Reliability& reliability, double usual_step, double restart, double steps)
      : reliability_(reliability),
        usual_step_(usual_step),
        restart_(restart),
        steps_(steps),
        step_(usual_step) {}

  /// What comes after an interruption.
  struct Recovery {
    double now;        ///< of the interruption [s]
    double detection;  ///< [s]; 0 where it was planned
    double complete;   ///< when its nodes are complete, if none fails before [s]
    double step;       ///< of its steps with all replicas [s]
    double fewer;      ///< how many times longer they take with the replicas left
  };
  void recover(const Recovery& recovery);
  /// The job makes no progress for `time` [s] from `now` on, whatever it does. Returns what of that
  /// it would compute in, were there no delay [s].
  double delay(double now, double time);
  /// Accounts for the time since the last interruption up to a failure at `now`.
  void end_by_failure(double now);
  /// The same up to a planned end, before which the job saves its state if it computes. Returns
  /// when it has.
  double end_by_plan(double now);
  /// The same up to the horizon.
  void end_by_horizon();

  // Of what follows the last interruption, unless something else comes [s].
  double complete() const { return complete_; }  ///< when nodes are there
  double running() const { return running_; }    ///< when it computes

  double steps_done() const { return steps_done_; }
  double useful() const { return useful_; }  ///< time of the steps kept, without losses [s]
  const LostTime& lost() const { return lost_; }

 private:
  struct Computed {
    double checkpoints = 0;       // complete
    double since_checkpoint = 0;  // computing after the last [s]
  };

  double whole_step() const { return step_ * fewer_; }
  void lose(LossCause cause, double time) { lost_[static_cast<std::size_t>(cause)] += time; }
  void keep(double steps);
  void add_standing_still(double until);
  Computed computed(double until);
  double keep_whole_steps(const Computed& run);

  const Reliability& reliability_;
  double usual_step_, restart_, steps_;
  double step_, fewer_ = 1;
  // Of the last interruption: when it came, when what follows it ends.
  double failed_ = 0, detected_ = 0, complete_ = 0, running_ = 0;
  double delayed_ = 0;  // since it runs [s]
  double delayed_until_ = 0;
  double steps_done_ = 0, useful_ = 0;
  LostTime lost_{};
};

}  // namespace lockstep
