#include "engine/power/metered_jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"
#include "engine/power/smoothing/job_edges.hpp"
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

/// A trace of the steps without noise has a value, and not too many.
void check_length(double length, const Power& power) {
  if (power.resolution > length)
    throw InputError(
        fmt::format("power.resolution = {} (the recorded steps take {}) shorten it, or take more "
                    "sampling.steps",
                    seconds(power.resolution), seconds(length)));
  if (length / power.resolution <= most_expected_bins) return;
  throw InputError(fmt::format(
      "power.resolution = {} (the recorded steps take {} or more, {:.1e} values of the trace) take "
      "at least {}, or fewer sampling.steps",
      seconds(power.resolution), seconds(length), length / power.resolution,
      seconds(length / most_expected_bins)));
}

/// A chip at work draws no less than with a job's context alone, and a floor no more than the cap.
void refuse_impossible_powers(const Power& power, const Chip& chip) {
  for (const auto& [key, floor] : {std::pair("power.floor", power.floor),
                                   std::pair("power.waiting_floor", power.floor_in_waits())})
    if (power.cap && floor * chip.tdp > *power.cap)
      throw InputError(fmt::format(
          "{} = {} ({:.6g} W of {}, above power.cap = {:.6g} W) lower it, or raise the cap", key,
          floor, floor * chip.tdp, with_article(chip.name), *power.cap));
  const ChipPower draws = chip_power(power, chip);
  const double least = std::min({draws.compute, draws.communication, draws.waiting});
  const double context = std::max(draws.idle, draws.context);
  if (least < context)
    throw InputError(fmt::format(
        "power.meter = on ({} at work draws {:.6g} W or more, and {:.6g} W with a job's context "
        "alone) raise power.compute, power.communication, power.waiting or power.cap, or lower "
        "chip.{}.context_power and idle_power",
        with_article(chip.name), least, context, chip.name));
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

}  // namespace

double steps_for(double due, double length, std::int64_t steps) {
  return std::ceil(due / length * static_cast<double>(steps));
}

MeteredJobs::MeteredJobs(const Jobs& jobs)
    : power_(power_from(jobs.values())),
      length_(std::numeric_limits<double>::infinity()),
      chips_(static_cast<double>(jobs.fleet().chips())) {
  std::vector<const DesignPoint*> all;
  for (const auto& job : jobs.all()) all.push_back(job.get());
  const std::int64_t steps = jobs.scenario().steps;
  for (const DesignPoint* job : all) {
    for (const FleetGeneration& generation : job->scenario().fleet.generations)
      refuse_impossible_powers(power_, generation.chip);
    const double length = job->quiet_step().time() * static_cast<double>(steps);
    check_length(length, power_);
    length_ = std::min(length_, length);
  }
  const double apart = power_.stagger * static_cast<double>(all.size() - 1);
  if (apart >= length_)
    throw InputError(fmt::format(
        "power.stagger = {} (the last job begins after {}, the first is done by {}) shorten it, or "
        "take more sampling.steps",
        seconds(power_.stagger), seconds(apart), seconds(length_)));
  length_ -= apart;
  limits_ = limits_of(power_, length_, steps);
  fleet_.emplace(all, power_);
  if (power_.smooths()) make_plain(jobs);
}

/// The same jobs without what smooths their power.
void MeteredJobs::make_plain(const Jobs& jobs) {
  std::vector<const DesignPoint*> all;
  for (const auto& job : jobs.all()) {
    Scenario own = job->scenario();
    own.job.compute_time = jobs.scenario().job.compute_time;
    own.stage_delay = nullptr;
    for (FleetGeneration& generation : own.fleet.generations)
      generation.chip = find_chip(generation.chip.name, jobs.values());
    all.push_back(
        plain_jobs_
            .emplace_back(std::make_unique<DesignPoint>(std::move(own), job->settled_values()))
            .get());
  }
  plain_fleet_.emplace(all, power_.plain());
}

std::unique_ptr<StepObserver> MeteredJobs::observer(std::size_t job, std::uint32_t) const {
  return fleet_->meter(job);
}

/// Energy and time over those of the same trial without what smooths its power.
void MeteredJobs::compare(const TrainedTrial& trial, MeteredTrial& result) const {
  std::vector<TrainedJob> trained;
  std::vector<std::unique_ptr<PowerMeter>> meters;
  std::vector<const PowerMeter*> seen;
  double time = 0, plain_time = 0;
  for (std::size_t j = 0; j < plain_jobs_.size(); ++j) {
    seen.push_back(meters.emplace_back(plain_fleet_->meter(j)).get());
    StepObserver* const looking[] = {meters.back().get()};
    trained.push_back(train(*plain_jobs_[j], trial.number, trial.how, looking));
    time = std::max(time, trial.jobs[j].step.step_time);
    plain_time = std::max(plain_time, trained.back().step.step_time);
  }
  result.energy_overhead =
      result.energy_per_step / plain_fleet_->trace(trained, seen).energy_per_step - 1;
  result.slowdown = time / plain_time - 1;
}

/// Ramps, spectrum and limits.
void MeteredJobs::judge(const std::vector<double>& site, MeteredTrial& result) const {
  const double resolution = power_.resolution;
  const auto within = [&](double window) {
    return largest_change(site, window_bins(window, resolution));
  };
  std::transform(ramp_windows.begin(), ramp_windows.end(), result.ramp.begin(), within);
  const RisingPower start = start_of(fleet_->jobs(), power_),
                    stop = stop_of(fleet_->jobs(), power_);
  for (std::size_t w = 0; w < ramp_windows.size(); ++w) {
    result.start[w] = start.largest(ramp_windows[w]);
    result.stop[w] = stop.largest(ramp_windows[w]);
  }
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
  std::vector<const PowerMeter*> meters;
  for (const auto& observer : trial.observers)
    meters.push_back(static_cast<const PowerMeter*>(observer.get()));
  const MeteredFleet::Trace site = fleet_->trace(trial.jobs, meters);
  const Swing swing = swing_of(site.watts);
  MeteredTrial result{.mean = swing.mean,
                      .peak = swing.peak,
                      .trough = swing.trough,
                      .swing = swing.peak - swing.trough,
                      .failure_drop = swing.peak - site.down,
                      .energy_per_step = site.energy_per_step,
                      .smoothing_time = site.held};
  const bool has_work = !trial.jobs.front().job->scenario().job.compute_time;
  result.energy_per_token = has_work ? swing.mean / site.tokens_per_second : none;
  judge(site.watts, result);
  if (plain_fleet_) compare(trial, result);
  if (trial.number < power_.traces) {
    result.trace = PowerCourse(power_).trace(site.watts, power_.resolution);
    result.spectrum = PowerCourse::spectrum(site.watts, power_.resolution,
                                            Spectrum(site.watts, power_.resolution));
  }
  return values_of(power_metrics(), result);
}

double MeteredJobs::trial_cost() const {
  constexpr double per_chip_step = 600, per_bin = 3000, trained_again = 100;  // 0.1 ns
  double cost = 0;
  for (const MeteredJob& metered : fleet_->jobs()) {
    const auto steps = static_cast<double>(metered.job->scenario().steps);
    const double per_chip = per_chip_step + (plain_fleet_ ? per_chip_step + trained_again : 0);
    cost += steps * (per_chip * static_cast<double>(metered.job->layout().chips()) +
                     per_bin * metered.job->quiet_step().time() / power_.resolution);
  }
  return cost;
}

}  // namespace lockstep
