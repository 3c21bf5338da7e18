#include "engine/model/long_run/long_run.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/model/long_run/account.hpp"
#include "engine/model/long_run/checkpoint.hpp"
#include "engine/model/long_run/failures.hpp"
#include "engine/model/long_run/units.hpp"

namespace lockstep {
namespace {

/// Replicas that the nodes of a job fill with so many of its units missing; a part of one idles.
std::int64_t replicas_left(const LongRunJob& job, std::int64_t missing_units) {
  const std::int64_t left =
      std::max<std::int64_t>(0, job.nodes - missing_units * job.nodes_per_unit);
  return job.replicas * left / job.nodes;
}

std::unique_ptr<Units> make_units(const Reliability& reliability, const LongRunJob& job) {
  SpareUnits spares = reliability.spares;
  if (spares) *spares /= job.nodes_per_unit;
  return job.consecutive ? consecutive_units(job.units(), spares)
                         : any_units(spares, reliability.spare_generation.has_value());
}

/// When nodes with a straggler will be found out.
class Detections {
 public:
  explicit Detections(double after) : after_(after) {}

  void expect(double now, const std::vector<std::int64_t>& nodes) {
    for (std::int64_t node : nodes) {
      coming_.push_back({now + after_, node});
      due_[node] = now + after_;
    }
  }
  void forget(std::int64_t node) { due_.erase(node); }
  double next() const {
    return coming_.empty() ? std::numeric_limits<double>::infinity() : coming_.front().time;
  }
  /// The node found at next(), unless another has taken its place since.
  std::optional<std::int64_t> take() {
    const Coming found = coming_.front();
    coming_.pop_front();
    const auto due = due_.find(found.node);
    if (due == due_.end() || due->second != found.time) return std::nullopt;
    due_.erase(due);
    return found.node;
  }

 private:
  struct Coming {
    double time;
    std::int64_t node;
  };
  double after_;
  std::deque<Coming> coming_;
  std::map<std::int64_t, double> due_;
};

/// The job on its way through one trial.
class Run {
 public:
  Run(const Reliability& reliability, const LongRunJob& job, StepTimes& step_times,
      std::uint64_t seed, std::uint32_t trial)
      : reliability_(reliability),
        job_(job),
        step_times_(step_times),
        usual_step_(step_times.step_time()),
        failures_(reliability, job, seed, trial),
        repairs_{seed, Purpose::repair, trial},
        units_(make_units(reliability, job)),
        detections_(reliability.straggler_detection_time.value_or(0)),
        account_(reliability, usual_step_,
                 reliability.restart_time +
                     reliability.communicator_startup * static_cast<double>(job.ranks) +
                     (job.reconfigures_ocs ? reliability.ocs_reconfiguration_time : 0),
                 steps_between_checkpoints(reliability, interruption_rate(reliability, job),
                                           usual_step_)) {}

  LongRun over_horizon() {
    expect_stragglers(0);
    Failure failure = failures_.next();
    while (std::min(failure.time, detections_.next()) < reliability_.horizon) {
      if (detections_.next() < failure.time) {
        evict(detections_.next());
      } else {
        meet(failure);
        failure = failures_.next();
      }
    }
    account_.end_by_horizon();
    run_.mean_time_between_interruptions = run_.interruptions > 0
                                               ? reliability_.horizon / run_.interruptions
                                               : std::numeric_limits<double>::quiet_NaN();
    run_.time_lost = account_.lost();
    run_.steps_done = account_.steps_done();
    run_.goodput = account_.useful() / reliability_.horizon;
    return run_;
  }

 private:
  std::int64_t place_of(std::int64_t node) const { return node / job_.nodes_per_unit; }

  void meet(const Failure& failure) {
    if (failure.kind == Failure::Kind::delay) {
      account_.delay(failure.time, failure.delay);
      return;
    }
    units_->repair_until(failure.time);
    bool hit = failure.first_node == failure.last_node;
    for (std::int64_t place = place_of(failure.first_node);
         place * job_.nodes_per_unit < failure.last_node; ++place) {
      if (units_->is_empty(place)) continue;
      units_->leave(place, failure.time + repair_time(0, number_));
      hit = true;
    }
    if (hit) interrupt(failure.time, failure.kind == Failure::Kind::plan);
    ++number_;
  }

  /// Takes out all stragglers found at `time`.
  void evict(double time) {
    units_->repair_until(time);
    bool hit = false;
    while (detections_.next() == time) {
      const auto node = detections_.take();
      if (!node || units_->is_empty(place_of(*node))) continue;
      units_->leave(place_of(*node), time + repair_time(1, evicted_++));
      hit = true;
    }
    if (hit) interrupt(time, true);
  }

  double repair_time(std::uint64_t entity, std::uint32_t draw) const {
    return reliability_.repair_time.sample(repairs_.uniform(entity, draw));
  }

  void interrupt(double time, bool planned) {
    const double now = std::max(time, saved_);
    if (planned)
      saved_ = account_.end_by_plan(now);
    else
      account_.end_by_failure(now);
    for (const Units::Arrival& unit : units_->set_up()) {
      const std::int64_t first = unit.place * job_.nodes_per_unit;
      const std::int64_t last = std::min(first + job_.nodes_per_unit, job_.nodes);
      for (std::int64_t node = first; node < last; ++node) detections_.forget(node);
      step_times_.replace(first, last, unit.spare);
    }
    const double stopped = planned ? saved_ : now;
    expect_stragglers(stopped);
    // A block of consecutive units with a hole in it cannot run at all.
    const bool shrinks = reliability_.shrinks && !job_.consecutive;
    const std::int64_t left = shrinks ? replicas_left(job_, units_->empty()) : 0;
    const double fewer = left > 0 ? step_times_.slowdown(left) : cannot_run;
    account_.recover({.now = stopped,
                      .detection = planned ? 0 : reliability_.detection_time,
                      .complete = fewer < cannot_run ? stopped : units_->complete_at(stopped),
                      .step = step_times_.step_time(),
                      .fewer = fewer < cannot_run ? fewer : 1});
    run_.interruptions += 1;
    run_.spares_used = std::max(run_.spares_used,
                                static_cast<double>(units_->spares_in_use() * job_.nodes_per_unit));
  }

  void expect_stragglers(double now) {
    if (reliability_.straggler_detection_time)
      detections_.expect(now, step_times_.new_stragglers());
  }

  const Reliability& reliability_;
  const LongRunJob& job_;
  StepTimes& step_times_;
  double usual_step_;
  Failures failures_;
  Stream repairs_;
  std::unique_ptr<Units> units_;
  Detections detections_;
  Account account_;
  LongRun run_;
  double saved_ = 0;                        // end of the last planned interruption's checkpoint [s]
  std::uint32_t number_ = 0, evicted_ = 0;  // failures and evictions so far
};

}  // namespace

LongRun run_over_horizon(const Reliability& reliability, const LongRunJob& job,
                         StepTimes& step_times, std::uint64_t seed, std::uint32_t trial) {
  return Run(reliability, job, step_times, seed, trial).over_horizon();
}

}  // namespace lockstep
