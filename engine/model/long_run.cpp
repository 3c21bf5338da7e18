#include "engine/model/long_run.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "engine/model/node_failures.hpp"

namespace lockstep {
namespace {

/// The units of a job and its spares: which places are empty, what is in repair.
class Units {
 public:
  Units(std::optional<std::int64_t> spare_nodes, std::int64_t nodes_per_unit)
      : spares_(spare_nodes.value_or(std::numeric_limits<std::int64_t>::max()) / nodes_per_unit),
        free_(spares_) {}

  /// Repairs that end until `now`: each fills the place that has been empty longest, or becomes a
  /// spare.
  void repair_until(double now) {
    for (; !repaired_.empty() && repaired_.back() <= now; repaired_.pop_back())
      if (empty_.empty())
        ++free_;
      else
        empty_.erase(empty_.begin());
  }
  bool is_empty(std::int64_t place) const {
    return std::find(empty_.begin(), empty_.end(), place) != empty_.end();
  }
  /// The unit at `place` fails and is back from repair at `repaired`.
  void fail(std::int64_t place, double repaired) {
    repaired_.insert(
        std::upper_bound(repaired_.begin(), repaired_.end(), repaired, std::greater<>()), repaired);
    if (free_ > 0)
      --free_;
    else
      empty_.push_back(place);
  }
  /// When the last empty place will have its unit, without further failures: each is filled by the
  /// next repair. `now` where none is empty.
  double complete_at(double now) const {
    return empty_.empty() ? now : repaired_[repaired_.size() - empty_.size()];
  }
  std::int64_t spares_in_use() const { return spares_ - free_; }
  std::int64_t empty() const { return static_cast<std::int64_t>(empty_.size()); }

 private:
  std::int64_t spares_, free_;
  std::vector<std::int64_t> empty_;  // places, longest empty first
  std::vector<double> repaired_;     // ends of the repairs under way, latest first
};

/// Adds up what the time of a run went to.
class Account {
 public:
  Account(const Reliability& reliability, const LongRunJob& job)
      : reliability_(reliability),
        step_(job.step_time),
        steps_(steps_between_checkpoints(reliability, job.nodes, job.step_time)),
        restart_(reliability.restart_time +
                 reliability.communicator_startup * static_cast<double>(job.ranks) +
                 (job.reconfigures_ocs ? reliability.ocs_reconfiguration_time : 0)) {}

  /// The job is interrupted at `now`; its nodes are complete at `complete`, if none fails before,
  /// and its steps then take `slowdown` times as long.
  void interrupt(double now, double complete, double slowdown) {
    slowdown_ = slowdown;
    failed_ = now;
    detected_ = now + reliability_.detection_time;
    complete_ = std::max(detected_, complete);
    running_ = complete_ + restart_;
  }
  /// Accounts for the time since the last interruption up to a failure at `now`.
  void end_by_failure(double now) {
    add_standing_still(now);
    const Computed run = computed(now);
    keep(run.checkpoints * steps_);
    lose(LossCause::lost_work, run.since_checkpoint);
  }
  /// The same up to the horizon.
  void end_by_horizon() {
    add_standing_still(reliability_.horizon);
    const Computed run = computed(reliability_.horizon);
    const double step = step_ * slowdown_;
    const double whole = std::min(steps_, std::floor(run.since_checkpoint / step));
    keep(run.checkpoints * steps_ + whole);
    lose(LossCause::lost_work, std::max(0.0, run.since_checkpoint - whole * step));
  }
  double steps_done() const { return steps_done_; }
  const std::array<double, loss_causes.size()>& lost() const { return lost_; }

 private:
  struct Computed {
    double checkpoints = 0;       // complete
    double since_checkpoint = 0;  // computing after the last [s]
  };

  void lose(LossCause cause, double time) { lost_[static_cast<std::size_t>(cause)] += time; }
  void keep(double steps) {
    steps_done_ += steps;
    lose(LossCause::shrunk, steps * step_ * (slowdown_ - 1));
  }
  void add_standing_still(double until) {
    const auto part = [&](double begin, double end) {
      return std::max(0.0, std::min(end, until) - begin);
    };
    lose(LossCause::detection, part(failed_, detected_));
    lose(LossCause::waiting, part(detected_, complete_));
    lose(LossCause::restart, part(complete_, running_));
  }
  /// What was computed up to `until`; the stalls are accounted for.
  Computed computed(double until) {
    const double time = std::max(0.0, until - running_);
    const double computing = steps_ * step_ * slowdown_;
    const double period = computing + reliability_.checkpoint_write_time;
    Computed run;
    run.checkpoints = std::floor(time / period);
    const double rest = std::clamp(time - run.checkpoints * period, 0.0, period);
    run.since_checkpoint = std::min(rest, computing);
    lose(LossCause::checkpoint,
         run.checkpoints * reliability_.checkpoint_write_time + (rest - run.since_checkpoint));
    return run;
  }

  const Reliability& reliability_;
  double step_, steps_, restart_, slowdown_ = 1;
  // Of the last interruption: when it came, when what follows it ends.
  double failed_ = 0, detected_ = 0, complete_ = 0, running_ = 0;
  double steps_done_ = 0;
  std::array<double, loss_causes.size()> lost_{};
};

/// Replicas that the nodes of a job fill with so many of its units missing; a part of one idles.
std::int64_t replicas_left(const LongRunJob& job, std::int64_t missing_units) {
  const std::int64_t left =
      std::max<std::int64_t>(0, job.nodes - missing_units * job.nodes_per_unit);
  return job.replicas * left / job.nodes;
}

}  // namespace

LongRun run_over_horizon(const Reliability& reliability, const LongRunJob& job, std::uint64_t seed,
                         std::uint32_t trial) {
  NodeFailures failures(reliability, job.nodes, Stream{seed, Purpose::node_failure, trial});
  const Stream repairs{seed, Purpose::repair, trial};
  Units units(reliability.spares, job.nodes_per_unit);
  Account account(reliability, job);
  LongRun run;
  std::uint32_t number = 0;
  for (NodeFailure failure = failures.next(); failure.time < reliability.horizon;
       failure = failures.next(), ++number) {
    const std::int64_t place = failure.node / job.nodes_per_unit;
    units.repair_until(failure.time);
    if (units.is_empty(place)) continue;
    account.end_by_failure(failure.time);
    units.fail(place, failure.time + reliability.repair_time.sample(repairs.uniform(0, number)));
    const std::int64_t left = reliability.shrinks ? replicas_left(job, units.empty()) : 0;
    if (left > 0)
      account.interrupt(failure.time, failure.time,
                        static_cast<double>(job.replicas) / static_cast<double>(left));
    else
      account.interrupt(failure.time, units.complete_at(failure.time), 1);
    run.interruptions += 1;
    run.spares_used =
        std::max(run.spares_used, static_cast<double>(units.spares_in_use() * job.nodes_per_unit));
  }
  account.end_by_horizon();
  run.mean_time_between_interruptions = run.interruptions > 0
                                            ? reliability.horizon / run.interruptions
                                            : std::numeric_limits<double>::quiet_NaN();
  run.time_lost = account.lost();
  run.steps_done = account.steps_done();
  run.goodput = run.steps_done * job.step_time / reliability.horizon;
  return run;
}

}  // namespace lockstep
