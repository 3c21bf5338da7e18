#include "engine/power/metered_jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/power/swing.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {
namespace {

constexpr double most_expected_bins = 1e7;
constexpr double rolling = 5;  // window of power_peak_to_peak [s]
constexpr double none = std::numeric_limits<double>::quiet_NaN();

std::string seconds(double time) {
  return format_quantity(time, Dimension::time);
}

/// A trace of the steps without noise is not too long.
void check_length(double length, const Power& power) {
  if (length / power.resolution <= most_expected_bins) return;
  throw InputError(fmt::format(
      "power.resolution = {} (the recorded steps take {} or more, {:.1e} values of the trace) take "
      "at least {}, or fewer sampling.steps",
      seconds(power.resolution), seconds(length), length / power.resolution,
      seconds(length / most_expected_bins)));
}

/// sampling.steps that take `due` s where `steps` take `length`.
double steps_for(double due, double length, std::int64_t steps) {
  return std::ceil(due / length * static_cast<double>(steps));
}

/// Those asked for, in the order of the table. Throws InputError where one by name cannot be
/// judged.
std::vector<GridLimit> limits_of(const Power& power, double length, std::int64_t steps) {
  const auto rows = grid_limits();
  std::vector<GridLimit> all(rows.begin(), rows.end());
  all.push_back(own_limit(power.swing_limit, power.ramp_limit));
  if (power.limit == "all") return all;
  const auto asked = std::ranges::find(all, std::string_view(power.limit), &GridLimit::name);
  if (asked->rules.empty())
    throw InputError(
        "power.limit = own (it has no numbers) give power.swing_limit or power.ramp_limit too");
  if (!shows(*asked, length, power.resolution)) {
    if (length < length_for(*asked))
      throw InputError(fmt::format(
          "power.limit = {} (it looks at {} or three periods so long, the recorded steps take {}) "
          "take sampling.steps = {} or more",
          power.limit, seconds(length_for(*asked)), seconds(length),
          steps_for(length_for(*asked), length, steps)));
    throw InputError(fmt::format(
        "power.resolution = {} (too coarse for the frequencies of power.limit = {}) take 9ms or "
        "less",
        seconds(power.resolution), power.limit));
  }
  return {*asked};
}

/// What is left open because the trace is too short or coarse.
void note_what_is_not_shown(const PreparedCapability& capability, const Jobs& jobs,
                            std::vector<std::string>& texts) {
  const auto& metered = static_cast<const MeteredJobs&>(capability);
  const double length = metered.length(), resolution = metered.power().resolution;
  std::string open;
  double longest = 0;
  const auto add = [&](const std::string& name, double due) {
    open += (open.empty() ? "" : ", ") + name;
    longest = std::max(longest, due);
  };
  for (const PowerBand& band : power_bands)
    if (!Spectrum::shows(band.low, band.high, length, resolution))
      add(text_of(band), Spectrum::periods / band.low);
  for (const GridLimit& limit : metered.limits())
    if (!shows(limit, length, resolution)) add(std::string(limit.name), length_for(limit));
  if (open.empty()) return;
  std::string advice = " at a power.resolution of 5ms or finer";
  if (length < longest)
    advice = fmt::format(": all of them take {}, sampling.steps = {:.0f}", seconds(longest),
                         steps_for(longest, length, jobs.scenario().steps));
  texts.push_back(fmt::format("The recorded steps, about {}, do not show the power's {}{}.",
                              seconds(length), open, advice));
}

std::unique_ptr<const PreparedCapability> prepare(const Jobs& jobs) {
  if (!power_from(jobs.values()).meters) return nullptr;
  return std::make_unique<MeteredJobs>(jobs);
}

constexpr SummaryColumn columns[] = {{"mean MW", "power_mean", 1e-6},
                                     {"swing MW", "power_swing", 1e-6}};
constexpr CapabilityNote notes[] = {{false, note_what_is_not_shown}};

}  // namespace

MeteredJobs::MeteredJobs(const Jobs& jobs)
    : power_(power_from(jobs.values())),
      length_(std::numeric_limits<double>::infinity()),
      chips_(static_cast<double>(jobs.fleet().chips())) {
  const std::int64_t steps = jobs.scenario().steps;
  for (const auto& job : jobs.all()) {
    const double length = job->quiet_step().time() * static_cast<double>(steps);
    check_length(length, power_);
    length_ = std::min(length_, length);
    jobs_.emplace_back(*job, power_);
  }
  limits_ = limits_of(power_, length_, steps);
}

std::unique_ptr<StepObserver> MeteredJobs::observer(std::size_t job, std::uint32_t) const {
  return std::make_unique<PowerMeter>(jobs_[job]);
}

/// What the site draws beside supplies, from these' mean: network, cooling, distribution [W].
double MeteredJobs::beside(double mean) const {
  return (meter_factor(power_) - 1) * mean;
}

/// Also fills in energies and what a failure makes of it.
std::vector<double> MeteredJobs::site_trace(const TrainedTrial& trial, MeteredTrial& result) const {
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
  result.failure_drop = swing.peak - (down + idle + besides);
  const bool has_work = !jobs_.front().job->scenario().job.compute_time;
  result.energy_per_token = has_work ? result.mean / tokens_per_second : none;
  return site;
}

/// Ramps, spectrum and limits.
void MeteredJobs::judge(const std::vector<double>& site, MeteredTrial& result) const {
  const double resolution = power_.resolution;
  const auto within = [&](double window) {
    return largest_change(site, window_bins(window, resolution));
  };
  std::transform(ramp_windows.begin(), ramp_windows.end(), result.ramp.begin(), within);
  result.peak_to_peak = within(rolling);
  const Spectrum spectrum(site, resolution);
  const GridTrace trace(site, resolution, result.mean, spectrum);
  for (std::size_t b = 0; b < power_bands.size(); ++b) {
    const auto [low, high] = power_bands[b];
    result.band[b] =
        Spectrum::shows(low, high, trace.length(), resolution) ? spectrum.rms(low, high) : none;
  }
  const Spectrum::Line line = spectrum.largest_line();
  result.line_share = line.share;
  result.line_frequency = line.share > 0 ? line.frequency : none;
  const auto judge_one = [&](std::string_view name) {
    const auto asked = std::ranges::find(limits_, name, &GridLimit::name);
    const double room = asked == limits_.end() ? none : trace.room(*asked);
    result.compliance.push_back(std::isnan(room) ? none : room >= 1 ? 1.0 : 0.0);
    result.largest_fleet.push_back(std::isfinite(room) ? room * chips_ : none);
  };
  for (const GridLimit& limit : grid_limits()) judge_one(limit.name);
  judge_one(own_limit_name);
}

MetricValues MeteredJobs::run_trial(const TrainedTrial& trial) const {
  MeteredTrial result;
  judge(site_trace(trial, result), result);
  return values_of(power_metrics(), result);
}

double MeteredJobs::trial_cost() const {
  constexpr double per_chip_step = 180, per_bin = 3000;
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
    .summary = "power of the fleet over the steps: swing, spectrum, limits, energy",
    .parameters =
        [] {
          const auto rows = power_parameters();
          return std::vector<Parameter>(rows.begin(), rows.end());
        },
    .metrics = [] { return rows_of(power_metrics()); },
    .extents = power_extents,
    .columns = columns,
    .facts = {},
    .notes = notes,
    .prepare = prepare};

}  // namespace lockstep
