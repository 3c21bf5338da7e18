#include "engine/power/metered_jobs.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/power/swing.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

constexpr double most_expected_bins = 1e7;

/// A trace of the steps without noise is not too long.
void check_length(const DesignPoint& job, const Power& power) {
  const double time = job.quiet_step().time() * static_cast<double>(job.scenario().steps);
  if (time / power.resolution <= most_expected_bins) return;
  throw InputError(fmt::format(
      "power.resolution = {} (the recorded steps take {} or more, {:.1e} values of the trace) take "
      "at least {}, or fewer sampling.steps",
      format_quantity(power.resolution, Dimension::time), format_quantity(time, Dimension::time),
      time / power.resolution, format_quantity(time / most_expected_bins, Dimension::time)));
}

template <double MeteredTrial::*member>
std::span<const double> of_trial(const MeteredTrial& trial) {
  return std::span(&(trial.*member), 1);
}

std::span<const MetricOf<MeteredTrial>> power_metrics() {
  using T = MeteredTrial;
  const Support support = Support::quantity();
  static const std::vector<MetricOf<MeteredTrial>> rows{
      {{.variable = {"power_mean", {}, "W", "power at the site's meter, mean of recorded steps"},
        .support = support},
       of_trial<&T::mean>},
      {{.variable = {"power_peak", {}, "W", "the highest value of its trace"}, .support = support},
       of_trial<&T::peak>},
      {{.variable = {"power_trough", {}, "W", "the lowest value of its trace"}, .support = support},
       of_trial<&T::trough>},
      {{.variable = {"power_swing", {}, "W", "power_peak less power_trough"}, .support = support},
       of_trial<&T::swing>},
      {{.variable = {"power_ramp",
                     {"ramp_window"},
                     "W",
                     "largest difference of two values of the trace within a window; none where "
                     "the trace is shorter"},
        .of_each_trial = false,
        .support = support},
       [](const T& t) { return std::span<const double>(t.ramp); }},
      {{.variable = {"power_failure_drop",
                     {},
                     "W",
                     "from power_peak to all chips of the jobs holding a context with nothing to "
                     "run, as when they fail"}},
       of_trial<&T::failure_drop>},
      {{.variable = {"energy_per_step", {}, "J", "mean power x mean time of a step, of all jobs"},
        .support = support},
       of_trial<&T::energy_per_step>},
      {{.variable = {"energy_per_token", {}, "J", "mean power over tokens a second of all jobs"},
        .needs_work = true,
        .of_each_trial = false,
        .support = support},
       of_trial<&T::energy_per_token>},
  };
  return rows;
}

std::vector<Extent> extents() {
  std::vector<std::string> windows;
  for (const double window : ramp_windows)
    windows.push_back(format_quantity(window, Dimension::time));
  return {{"ramp_window", windows, "window of power_ramp"}};
}

std::unique_ptr<const PreparedCapability> prepare(const Jobs& jobs) {
  if (!power_from(jobs.values()).meters) return nullptr;
  return std::make_unique<MeteredJobs>(jobs);
}

constexpr SummaryColumn columns[] = {{"mean MW", "power_mean", 1e-6},
                                     {"swing MW", "power_swing", 1e-6}};

}  // namespace

MeteredJobs::MeteredJobs(const Jobs& jobs) : power_(power_from(jobs.values())) {
  for (const auto& job : jobs.all()) {
    check_length(*job, power_);
    jobs_.emplace_back(*job, power_);
  }
}

std::unique_ptr<StepObserver> MeteredJobs::observer(std::size_t job, std::uint32_t) const {
  return std::make_unique<PowerMeter>(jobs_[job]);
}

MetricValues MeteredJobs::run_trial(const TrainedTrial& trial) const {
  MeteredTrial result;
  std::vector<std::vector<double>> traces;
  double tokens_per_second = 0, down = 0, idle = 0;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    const auto& meter = static_cast<const PowerMeter&>(*trial.observers[j]);
    // Steps shorter than the resolution have the one value that they begin in.
    const std::size_t bins = std::max<std::size_t>(1, meter.trace().bins_until(meter.end()));
    traces.push_back(meter.trace().bins(bins));
    const double watts = meter_factor(power_) * (swing_of(traces.back()).mean + jobs_[j].idle);
    result.energy_per_step += watts * trial.jobs[j].step.step_time;
    tokens_per_second += jobs_[j].job->work().tokens / trial.jobs[j].step.step_time;
    down += jobs_[j].context;
    idle += jobs_[j].idle;
  }
  std::vector<double> site = sum_of(traces);
  for (double& watts : site) watts += idle;
  const double besides = beside(swing_of(site).mean);
  for (double& watts : site) watts += besides;
  const Swing swing = swing_of(site);
  result.mean = swing.mean;
  result.peak = swing.peak;
  result.trough = swing.trough;
  result.swing = swing.peak - swing.trough;
  for (std::size_t w = 0; w < ramp_windows.size(); ++w)
    result.ramp[w] = largest_change(
        site, static_cast<std::size_t>(std::max(1.0, ramp_windows[w] / power_.resolution + 0.5)));
  result.failure_drop = swing.peak - (down + idle + besides);
  const bool has_work = !jobs_.front().job->scenario().job.compute_time;
  result.energy_per_token =
      has_work ? result.mean / tokens_per_second : std::numeric_limits<double>::quiet_NaN();
  return values_of(power_metrics(), result);
}

double MeteredJobs::trial_cost() const {
  constexpr double per_chip_step = 60, per_bin = 100;
  double cost = 0;
  for (const MeteredJob& metered : jobs_) {
    const auto steps = static_cast<double>(metered.job->scenario().steps);
    cost += steps * (per_chip_step * static_cast<double>(metered.job->layout().chips()) +
                     per_bin * metered.job->quiet_step().time() / power_.resolution);
  }
  return cost;
}

const Capability power_capability{
    .name = "power",
    .summary = "power of the fleet over the steps: swing, ramps, energy",
    .parameters =
        [] {
          const auto rows = power_parameters();
          return std::vector<Parameter>(rows.begin(), rows.end());
        },
    .metrics = [] { return rows_of(power_metrics()); },
    .extents = extents,
    .columns = columns,
    .facts = {},
    .notes = {},
    .prepare = prepare};

}  // namespace lockstep
