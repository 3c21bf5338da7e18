#include "engine/reliability/long_run.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/reliability/account.hpp"
#include "engine/reliability/checkpoint.hpp"
#include "engine/reliability/detections.hpp"
#include "engine/reliability/failures/failures.hpp"
#include "engine/reliability/spares/units.hpp"

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
                         : any_units(spares, reliability.spare_chip.has_value());
}

/// The job on its way through one trial.
class Run {
 public:
  Run(const Reliability& reliability, const LongRunJob& job, StepTimes& step_times,
      std::uint64_t seed, std::uint32_t trial, const Execution& how, Timeline* timeline)
      : reliability_(reliability),
        job_(job),
        step_times_(step_times),
        how_(how),
        timeline_(timeline),
        usual_step_(step_times.step_time()),
        failures_(reliability, job, seed, trial),
        repairs_{seed, purpose::repair, trial},
        units_(make_units(reliability, job)),
        detections_(reliability.straggler_detection_time.value_or(0)),
        between_(steps_between_checkpoints(reliability, interruption_rate(reliability, job),
                                           usual_step_)),
        account_(reliability, usual_step_,
                 reliability.restart_time +
                     reliability.communicator_startup * static_cast<double>(job.ranks) +
                     (job.reconfigures_ocs ? reliability.ocs_reconfiguration_time : 0),
                 between_) {}

  LongRun over_horizon() {
    expect_stragglers(0);
    Failure failure = failures_.next();
    while (std::min(failure.time, detections_.next()) < reliability_.horizon) {
      how_.check();
      if (detections_.next() < failure.time) {
        evict(detections_.next());
      } else {
        meet(failure);
        failure = failures_.next();
      }
    }
    account_.end_by_horizon();
    if (timeline_) sort_timeline();
    run_.mean_time_between_interruptions = run_.interruptions > 0
                                               ? reliability_.horizon / run_.interruptions
                                               : std::numeric_limits<double>::quiet_NaN();
    run_.time_lost = account_.lost();
    run_.steps_done = account_.steps_done();
    run_.goodput = account_.useful() / reliability_.horizon;
    const double interval = between_ * usual_step_;
    run_.checkpoint_interval =
        interval < reliability_.horizon ? interval : std::numeric_limits<double>::quiet_NaN();
    return run_;
  }

 private:
  std::int64_t place_of(std::int64_t node) const { return node / job_.nodes_per_unit; }

  void meet(const Failure& failure) {
    TimelineEvent event{.time = failure.time,
                        .cause = failure_causes[static_cast<std::size_t>(failure.cause)],
                        .nodes = failure.nodes};
    if (failure.kind == Failure::Kind::delay) {
      event.effect = TimelineEvent::Effect::delay;
      event.delay = account_.delay(
          failure.time, flap_delay(failure.phase, failure.duration, step_times_.step_time(),
                                   step_times_.communication_time()));
      record(event);
      return;
    }
    units_->repair_until(failure.time);
    const bool of_nodes = failure.cause <= FailureCause::domain;
    const std::uint64_t source = of_nodes ? 0 : 2 + static_cast<std::uint64_t>(failure.cause);
    bool hit = failure.nodes.first == failure.nodes.last;
    for (const auto& [first, last] : failure.leaving())
      for (std::int64_t place = place_of(first); place * job_.nodes_per_unit < last; ++place)
        hit |= leave(place, failure.time, source, failure.number);
    if (hit) interrupt(event, failure.kind == Failure::Kind::plan);
    record(event);
  }

  /// Takes out all stragglers found at `time`.
  void evict(double time) {
    units_->repair_until(time);
    TimelineEvent event{.time = time, .cause = straggler_cause};
    bool hit = false;
    while (detections_.next() == time) {
      const std::int64_t node = detections_.take();
      if (!leave(place_of(node), time, 1, evicted_)) {
        detections_.hold(node);  // it is drawn, but not there yet
        continue;
      }
      forget_stragglers(place_of(node));
      if (hit)
        ++event.more;
      else
        event.nodes = {node, node + 1};
      ++evicted_;
      hit = true;
    }
    if (!hit) return;
    interrupt(event, true);
    record(event);
  }

  /// Whether there was a unit at `place`, which then leaves; `source` and `number` draw its repair.
  bool leave(std::int64_t place, double now, std::uint64_t source, std::uint32_t number) {
    if (units_->is_empty(place) || (smaller_ && empty_.contains(place))) return false;
    const double repaired = now + reliability_.repair_time.sample(repairs_.uniform(source, number));
    units_->leave(place, repaired);
    if (units_->is_empty(place)) empty_.insert(place);
    record({.time = repaired, .cause = repair_cause, .nodes = nodes_at(place)});
    return true;
  }

  NodeSpan nodes_at(std::int64_t place) const {
    const std::int64_t first = place * job_.nodes_per_unit;
    return {first, std::min(first + job_.nodes_per_unit, job_.nodes)};
  }

  /// All nodes at `place` leave it.
  void forget_stragglers(std::int64_t place) {
    const auto [first, last] = nodes_at(place);
    for (std::int64_t node = first; node < last; ++node) detections_.forget(node);
  }

  /// Stops the job, and fills in how.
  void interrupt(TimelineEvent& event, bool planned) {
    const double now = std::max(event.time, saved_);
    const double lost_before = lost_work();
    if (planned)
      saved_ = account_.end_by_plan(now);
    else
      account_.end_by_failure(now);
    for (const Units::Arrival& unit : units_->set_up()) {
      forget_stragglers(unit.place);
      const auto [first, last] = nodes_at(unit.place);
      step_times_.replace(first, last, unit.spare);
    }
    const double stopped = planned ? saved_ : now;
    // A block of consecutive units with a hole in it cannot run at all.
    const bool shrinks = reliability_.shrinks && !job_.consecutive;
    const std::int64_t left = shrinks ? replicas_left(job_, units_->empty()) : 0;
    const double fewer = left > 0 ? step_times_.slowdown(left) : cannot_run;
    std::erase_if(empty_, [&](std::int64_t place) { return !units_->is_empty(place); });
    smaller_ = fewer < cannot_run;
    account_.recover({.now = stopped,
                      .detection = planned ? 0 : reliability_.detection_time,
                      .complete = smaller_ ? stopped : units_->complete_at(stopped),
                      .step = step_times_.step_time(),
                      .fewer = smaller_ ? fewer : 1});
    detections_.put_off(now, account_.running());
    expect_stragglers(account_.running());
    run_.interruptions += 1;
    run_.spares_used = std::max(run_.spares_used,
                                static_cast<double>(units_->spares_in_use() * job_.nodes_per_unit));
    event.effect = planned ? TimelineEvent::Effect::planned_stop : TimelineEvent::Effect::stop;
    event.lost_work = lost_work() - lost_before;
    event.stopped = stopped;
    event.complete = account_.complete();
    event.running = account_.running();
    event.missing_nodes = units_->empty() * job_.nodes_per_unit;
    event.replicas = smaller_ ? left : job_.replicas;
  }

  double lost_work() const {
    return account_.lost()[static_cast<std::size_t>(LossCause::lost_work)];
  }

  void record(const TimelineEvent& event) {
    if (timeline_) timeline_->push_back(event);
  }

  /// Repairs are known before they end.
  void sort_timeline() {
    std::erase_if(*timeline_,
                  [&](const TimelineEvent& e) { return e.time >= reliability_.horizon; });
    std::stable_sort(
        timeline_->begin(), timeline_->end(),
        [](const TimelineEvent& a, const TimelineEvent& b) { return a.time < b.time; });
  }

  /// Those that came, and those that had not come when they were due, slow the job from `running`.
  void expect_stragglers(double running) {
    if (!reliability_.straggler_detection_time) return;
    for (std::int64_t node : step_times_.new_stragglers()) detections_.expect(running, node);
    for (std::int64_t node : detections_.take_held())
      if (units_->is_empty(place_of(node)))
        detections_.hold(node);
      else
        detections_.expect(running, node);
  }

  const Reliability& reliability_;
  const LongRunJob& job_;
  StepTimes& step_times_;
  const Execution& how_;
  Timeline* timeline_;
  double usual_step_;
  Failures failures_;
  Stream repairs_;
  std::unique_ptr<Units> units_;
  Detections detections_;
  double between_;  // steps from one checkpoint to the next
  Account account_;
  LongRun run_;
  std::set<std::int64_t> empty_;  // places, since the job was set up
  bool smaller_ = false;          // it runs without those, also once they have a unit again
  double saved_ = 0;              // end of the last planned interruption's checkpoint [s]
  std::uint32_t evicted_ = 0;     // stragglers so far
};

}  // namespace

LongRun run_over_horizon(const Reliability& reliability, const LongRunJob& job,
                         StepTimes& step_times, std::uint64_t seed, std::uint32_t trial,
                         const Execution& how, Timeline* timeline) {
  return Run(reliability, job, step_times, seed, trial, how, timeline).over_horizon();
}

}  // namespace lockstep
