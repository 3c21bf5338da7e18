#include "engine/run/metrics.hpp"

#include <cmath>

#include <limits>

namespace lockstep {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

template <double LongRun::*value>
std::span<const double> of_long_run(const TrialResult& trial) {
  if (!trial.long_run) return {};
  return std::span(&((*trial.long_run).*value), 1);
}

}  // namespace

std::span<const Metric> metrics() {
  static const std::vector<Metric> rows{
      {{"step_time", {Extent::step}, "s", "latest finish of any chip less that of the step before"},
       {},
       [](const TrialResult& t) -> std::span<const double> { return t.step_time; }},
      {{"compute_time", {Extent::step}, "s", "compute of the slowest replica, bubble included"},
       {},
       [](const TrialResult& t) -> std::span<const double> { return t.compute_time; }},
      {{"communication_time", {Extent::step}, "s", "latest finish less the latest end of compute"},
       {},
       [](const TrialResult& t) -> std::span<const double> { return t.communication_time; }},
      {{"mfu", {}, "1", "model FLOPs over the BF16 peak of all chips of the fleet, idle included"},
       {.work = true, .of_each_trial = false},
       [](const TrialResult& t) { return std::span(&t.mfu, 1); }},
      {{"mfu_used", {}, "1", "model FLOPs over the BF16 peak of the chips in the job"},
       {.work = true, .of_each_trial = false},
       [](const TrialResult& t) { return std::span(&t.mfu_used, 1); }},
      {{"wait_fraction",
        {},
        "1",
        "share of the step a chip neither computes nor takes part in noise-free communication"},
       {},
       [](const TrialResult& t) { return std::span(&t.wait_fraction, 1); }},
      {{"wait_fraction_by_generation",
        {Extent::chip_generation},
        "1",
        "wait_fraction of each generation's chips in the job"},
       {.of_each_trial = false},
       [](const TrialResult& t) -> std::span<const double> {
         return t.wait_fraction_by_generation;
       }},
      {{"step_time_by_generation",
        {Extent::chip_generation},
        "s",
        "mean step time of the job that each generation's chips are in"},
       {.of_each_trial = false},
       [](const TrialResult& t) -> std::span<const double> { return t.step_time_by_generation; }},
      {{"goodput",
        {},
        "1",
        "time of the steps kept, at most the recorded mean each, over wall time"},
       {.long_run = true},
       of_long_run<&LongRun::goodput>,
       Support::yield()},
      {{"mfu_effective",
        {},
        "1",
        "model FLOPs of the steps kept over the BF16 peak of fleet and spares (unlimited ones "
        "count for none) x the horizon"},
       {.work = true, .long_run = true, .of_each_trial = false},
       [](const TrialResult& t) {
         return t.long_run ? std::span(&t.mfu_effective, 1) : std::span<const double>();
       },
       Support::yield()},
      {{"interruptions",
        {},
        "1",
        "failures and planned takedowns that stopped the job, or met it while it stood still"},
       {.long_run = true},
       of_long_run<&LongRun::interruptions>,
       Support::count()},
      {{"mean_time_between_interruptions", {}, "s", "the horizon over its interruptions"},
       {.long_run = true, .of_each_trial = false},
       of_long_run<&LongRun::mean_time_between_interruptions>,
       Support::time_between(nothing)},
      {{"time_lost",
        {Extent::cause},
        "s",
        "wall time of no kept step, by cause; with the time of the steps kept it is the horizon"},
       {.long_run = true},
       [](const TrialResult& t) {
         return t.long_run ? std::span<const double>(t.long_run->time_lost)
                           : std::span<const double>();
       },
       Support::loss(infinity)},
      {{"spares_used", {}, "1", "the most spare nodes in use at the same time"},
       {.long_run = true},
       of_long_run<&LongRun::spares_used>,
       Support::count()},
      {{"steps_done", {}, "1", "whole steps kept within the horizon"},
       {.long_run = true},
       of_long_run<&LongRun::steps_done>,
       Support::rest()},
      {{"checkpoint_interval",
        {},
        "s",
        "computing from one checkpoint to the next; none where the horizon holds no checkpoint"},
       {.long_run = true, .of_each_trial = false},
       of_long_run<&LongRun::checkpoint_interval>},
      {{"schedulable_share",
        {},
        "1",
        "chips of the most slices that healthy hosts make, over all chips of the fleet"},
       {.slices = true},
       [](const TrialResult& t) {
         return t.schedulable_share ? std::span(&*t.schedulable_share, 1)
                                    : std::span<const double>();
       },
       Support::share()},
  };
  return rows;
}

Support support_of(std::string_view variable, double horizon) {
  for (const Metric& metric : metrics()) {
    if (metric.variable.name != variable) continue;
    Support support = metric.support;
    if (support.events == Support::Events::add && horizon > 0) support.most = horizon;
    if (support.between_events) support.trial_time = horizon;
    return support;
  }
  return {};
}

std::optional<std::size_t> events_counted_by(std::string_view variable,
                                             std::span<const Variable> variables) {
  if (support_of(variable, nothing).events != Support::Events::lower) return {};
  for (std::size_t v = 0; v < variables.size(); ++v)
    if (variables[v].name == "interruptions") return v;
  return {};
}

bool may_yield(const Metric& metric, double value) {
  return std::isfinite(value) || (std::isnan(value) && !metric.needs.of_each_trial);
}

}  // namespace lockstep
