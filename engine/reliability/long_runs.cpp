#include "engine/reliability/long_runs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/reliability/failures/failures.hpp"
#include "engine/reliability/members/members.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

LongRunJob long_run_job(const DesignPoint& point, const Reliability& reliability,
                        const JobNodes& nodes) {
  const Scenario& scenario = point.scenario();
  const Layout& layout = point.layout();
  const Replacement replacement =
      scenario.topology->replacement(point.settled_values(), layout.replicas, layout.groups());
  if (reliability.spare_chip && replacement.consecutive)
    throw InputError(
        "reliability.spare_generation = " + reliability.spare_chip->name +
        " (on this topology the job moves along a line of like parts) leave it out, or take "
        "another topology.kind");
  const double chips_per_node =
      static_cast<double>(layout.chips()) / static_cast<double>(nodes.count());
  const double unit = std::ceil(static_cast<double>(replacement.unit_chips) / chips_per_node);
  LongRunJob job{.nodes = nodes.count(),
                 .nodes_per_unit = static_cast<std::int64_t>(unit),
                 .consecutive = replacement.consecutive,
                 .reconfigures_ocs = replacement.reconfigures_ocs,
                 .ranks = layout.chips(),
                 .replicas = layout.replicas};
  add_failing_parts(job, scenario, layout, nodes, reliability,
                    scenario.topology->parts(point.values(), layout.chips()));
  check_long_run(reliability, job, point.quiet_step().compute + point.quiet_step().bubble);
  return job;
}

/// About the share of the job's places that have a unit, for only these fail: of all units, spares
/// among them, those that are not in repair.
double share_of_places(const PreparedLongRun& run) {
  const Reliability& reliability = run.reliability();
  if (!reliability.spares) return 1;
  const auto places = static_cast<double>(run.job().units());
  const auto spares = static_cast<double>(*reliability.spares / run.job().nodes_per_unit);
  const double in_repair = interruption_rate(reliability, run.job()) *
                           std::min(reliability.repair_time.mean(), reliability.horizon);
  return std::min(1.0, (places + spares) / (places + in_repair));
}

/// What one trial gives, of all jobs together.
struct Together {
  LongRun run;
  double mfu_effective = 0;
};

/// Long runs side by side: shares of time by chips, counts as sums, the fewest steps.
class SideBySide {
 public:
  void add(const LongRun& own, double chips, double horizon) {
    chips_ += chips;
    sum_.goodput += chips * own.goodput;
    sum_.checkpoint_interval += chips * own.checkpoint_interval;
    for (std::size_t i = 0; i < own.time_lost.size(); ++i)
      sum_.time_lost[i] += chips * own.time_lost[i];
    sum_.interruptions += own.interruptions;
    sum_.mean_time_between_interruptions = sum_.interruptions > 0
                                               ? horizon / sum_.interruptions
                                               : std::numeric_limits<double>::quiet_NaN();
    sum_.spares_used += own.spares_used;
    sum_.steps_done = jobs_++ == 0 ? own.steps_done : std::min(sum_.steps_done, own.steps_done);
  }
  LongRun together() const {
    LongRun all = sum_;
    all.goodput /= chips_;
    all.checkpoint_interval /= chips_;
    for (double& time : all.time_lost) time /= chips_;
    return all;
  }

 private:
  double chips_ = 0;
  int jobs_ = 0;
  LongRun sum_;
};

/// MFU over the horizon of a job whose recorded steps reach `mfu`.
double effective_mfu(const PreparedLongRun& prepared, const TrainedJob& job, const LongRun& run) {
  const double at_full_speed = run.steps_done * job.step.step_time;
  return job.result.mfu * prepared.share_without_spares() * at_full_speed /
         prepared.reliability().horizon;
}

template <double LongRun::*member>
std::span<const double> of_run(const Together& together) {
  return std::span(&(together.run.*member), 1);
}

/// Time lost to a cause that cannot come is 0; to others it is at most the horizon.
Support of_cause(Support support, const PointParameters& parameters, std::string_view cause) {
  const auto is = [&](LossCause c) { return cause == loss_causes[static_cast<std::size_t>(c)]; };
  if ((is(LossCause::shrunk) && parameters.text("reliability.policy") != "shrink") ||
      (is(LossCause::link_flap) &&
       parameters.number("reliability.link_flap_rate", Dimension::rate) == 0))
    return Support::quantity();
  if (const double horizon = parameters.number("reliability.horizon", Dimension::time); horizon > 0)
    support.most = horizon;
  return support;
}

Support of_horizon(Support support, const PointParameters& parameters, std::string_view) {
  support.trial_time = parameters.number("reliability.horizon", Dimension::time);
  return support;
}

/// No more than there are, of each of the jobs side by side.
Support of_spares(Support support, const PointParameters& parameters, std::string_view) {
  const double spares = parameters.number("reliability.spares", Dimension::none);
  if (!std::isnan(spares) && parameters.text("job.work_share") != "isolated") support.most = spares;
  return support;
}

std::span<const MetricOf<Together>> long_run_metrics() {
  static const std::vector<MetricOf<Together>> rows{
      {{.variable = {"goodput",
                     {},
                     "1",
                     "time of the steps kept, at most the recorded mean each, over wall time"},
        .support = Support::yield(),
        .counted_by = "interruptions"},
       of_run<&LongRun::goodput>},
      {{.variable = {"mfu_effective",
                     {},
                     "1",
                     "model FLOPs of the steps kept over the BF16 peak of fleet and spares "
                     "(unlimited ones count for none) x the horizon"},
        .needs_work = true,
        .of_each_trial = false,
        .support = Support::yield(),
        .counted_by = "interruptions"},
       [](const Together& t) { return std::span(&t.mfu_effective, 1); }},
      {{.variable = {"interruptions",
                     {},
                     "1",
                     "failures and planned takedowns that stopped the job, or met it while it "
                     "stood still"},
        .support = Support::count()},
       of_run<&LongRun::interruptions>},
      {{.variable =
            {"mean_time_between_interruptions", {}, "s", "the horizon over its interruptions"},
        .of_each_trial = false,
        .support = Support::time_between(std::numeric_limits<double>::quiet_NaN()),
        .at = of_horizon,
        .counted_by = "interruptions"},
       of_run<&LongRun::mean_time_between_interruptions>},
      {{.variable = {"time_lost",
                     {"cause"},
                     "s",
                     "wall time of no kept step, by cause; with the time of the steps kept it is "
                     "the horizon"},
        .support = Support::loss(std::numeric_limits<double>::infinity()),
        .at = of_cause},
       [](const Together& t) { return std::span<const double>(t.run.time_lost); }},
      {{.variable = {"spares_used", {}, "1", "the most spare nodes in use at the same time"},
        .support = Support::count(),
        .at = of_spares},
       of_run<&LongRun::spares_used>},
      {{.variable = {"steps_done", {}, "1", "whole steps kept within the horizon"},
        .support = Support::rest(),
        .counted_by = "interruptions"},
       of_run<&LongRun::steps_done>},
      {{.variable = {"checkpoint_interval",
                     {},
                     "s",
                     "computing from one checkpoint to the next; none where the horizon holds no "
                     "checkpoint"},
        .of_each_trial = false},
       of_run<&LongRun::checkpoint_interval>},
  };
  return rows;
}

}  // namespace

std::vector<Metric> metrics_of_long_runs() {
  return rows_of(long_run_metrics());
}

PreparedLongRun::PreparedLongRun(const DesignPoint& job, const Values& values)
    : job_(job),
      reliability_(reliability_from(values)),
      nodes_(job.scenario().fleet, job.layout()),
      long_run_job_(long_run_job(job, reliability_, nodes_)),
      slowdowns_(std::make_unique<Slowdowns>(job)) {}

double PreparedLongRun::share_without_spares() const {
  if (!reliability_.spares) return 1;
  const double spares = static_cast<double>(*reliability_.spares);
  const double node_peak = reliability_.spare_chip
                               ? reliability_.spare_chip->peak * reliability_.spare_chip->node
                               : job_.used_peak() / static_cast<double>(nodes_.count());
  const double fleet_peak = job_.scenario().fleet.peak();
  return fleet_peak / (fleet_peak + spares * node_peak);
}

LongRun PreparedLongRun::run(const TrainedJob& trained, std::uint32_t trial, const Execution& how,
                             Timeline* timeline) const {
  Members members(*this, trial, how, trained.chips, trained.step);
  // Jobs side by side fail independently.
  const Scenario& scenario = job_.scenario();
  const std::uint64_t seed = scenario.seed + scenario.job_number * 0x9E3779B97F4A7C15;
  return run_over_horizon(reliability_, long_run_job_, members, seed, trial, how, timeline);
}

LongRuns::LongRuns(const Jobs& jobs) {
  for (const auto& job : jobs.all()) runs_.emplace_back(*job, jobs.values());
}

MetricValues LongRuns::run_trial(const TrainedTrial& trial) const {
  SideBySide all;
  Together together;
  double peak = 0, flops_kept = 0;
  for (std::size_t j = 0; j < runs_.size(); ++j) {
    const TrainedJob& job = trial.jobs[j];
    const LongRun own = runs_[j].run(job, trial.number, trial.how);
    const double mfu = effective_mfu(runs_[j], job, own);
    if (runs_.size() == 1) {
      together = {own, mfu};
      break;
    }
    all.add(own, static_cast<double>(job.job->layout().chips()), runs_[j].reliability().horizon);
    const double own_peak = job.job->scenario().fleet.peak() / runs_[j].share_without_spares();
    peak += own_peak;
    flops_kept += mfu * own_peak;
  }
  if (runs_.size() > 1) together = {all.together(), flops_kept / peak};
  return values_of(long_run_metrics(), together);
}

double LongRuns::trial_cost() const {
  // 0.1 ns: a flap is added up, any other failure sets the job up anew; the chips of the unit that
  // comes are drawn, and the replicas that it is in are looked through, as all are at first.
  constexpr double per_flap = 300, per_failure = 6000, per_chip = 300, per_member = 70;
  double cost = 0;
  for (const PreparedLongRun& run : runs_) {
    const Layout& layout = run.design_point().layout();
    const auto all = static_cast<double>(layout.chips());
    const double unit = all / static_cast<double>(run.job().units());
    const auto replica = static_cast<double>(layout.groups() * layout.coupled);
    const double set_up = per_failure + per_chip * unit + per_member * std::max(unit, replica);
    cost += per_member * all;
    for (const FailureRate& rate : failure_rates(run.reliability(), run.job()))
      cost += (rate.kind == Failure::Kind::delay ? per_flap : set_up * share_of_places(run)) *
              rate.all * run.reliability().horizon;
  }
  return cost;
}

}  // namespace lockstep
