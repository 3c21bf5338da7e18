#include "engine/training/jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace lockstep {
namespace {

double chips_in(const DesignPoint& job) {
  return static_cast<double>(job.layout().chips());
}

/// Peak of the chips in the job [FLOP/s].
double used_peak(const DesignPoint& job) {
  double peak = 0;
  for (std::size_t g = 0; g < job.chips_by_generation().size(); ++g)
    peak += job.chips_by_generation()[g] * job.scenario().fleet.generations[g].chip.peak;
  return peak;
}

/// Long runs side by side: shares of time by chips, counts as sums, the fewest steps.
class LongRuns {
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

void keep_largest(std::vector<double>& most, const std::vector<double>& values) {
  for (std::size_t i = 0; i < most.size(); ++i) most[i] = std::max(most[i], values[i]);
}

}  // namespace

Jobs::Jobs(const Values& values, std::span<const TopologyKind* const> topologies,
           std::uint64_t seed) {
  const Scenario scenario = scenario_from(values, topologies, seed);
  fleet_ = scenario.fleet;
  schedulable_share_ = schedulable_share_of(scenario, values);
  if (values.text("job.work_share") != "isolated") {
    jobs_.push_back(std::make_unique<DesignPoint>(scenario, values));
    return;
  }
  for (std::size_t g = 0; g < fleet_.generations.size(); ++g) {
    Scenario own = scenario;
    own.fleet = fleet_of_generation(fleet_, g);
    own.job_number = g;
    jobs_.push_back(std::make_unique<DesignPoint>(std::move(own), values));
  }
}

std::string Jobs::choice() const {
  std::string text;
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    if (jobs_.size() > 1)
      text += fmt::format("{}{}: ", j == 0 ? "" : "; ", fleet_.generations[j].chip.name);
    text += jobs_[j]->collective().choice();
  }
  if (schedulable_share_) text += fmt::format("; slices: {}", schedulable_share_->slices().text());
  return text;
}

TrialResult Jobs::run_trial(std::uint32_t trial, const Execution& how) const {
  TrialResult result = train(trial, how);
  if (schedulable_share_) result.schedulable_share = schedulable_share_->of_trial(trial);
  return result;
}

TrialResult Jobs::train(std::uint32_t trial, const Execution& how) const {
  TrialResult together = lockstep::run_trial(*jobs_.front(), trial, how);
  if (jobs_.size() == 1) return together;
  double peak = 0, used = 0, chips = 0, flops = 0, flops_used = 0, waiting = 0;
  double peak_with_spares = 0, flops_kept = 0;
  LongRuns long_runs;
  const auto add = [&](const DesignPoint& job, const TrialResult& result) {
    peak += job.scenario().fleet.peak();
    used += used_peak(job);
    chips += chips_in(job);
    flops += result.mfu * job.scenario().fleet.peak();
    flops_used += result.mfu_used * used_peak(job);
    waiting += result.wait_fraction * chips_in(job);
    if (!result.long_run) return;
    long_runs.add(*result.long_run, chips_in(job), job.scenario().reliability.horizon);
    const double own_peak = job.scenario().fleet.peak() / job.share_without_spares();
    peak_with_spares += own_peak;
    flops_kept += result.mfu_effective * own_peak;
  };
  add(*jobs_.front(), together);
  for (std::size_t j = 1; j < jobs_.size(); ++j) {
    const TrialResult own = lockstep::run_trial(*jobs_[j], trial, how);
    add(*jobs_[j], own);
    keep_largest(together.step_time, own.step_time);
    keep_largest(together.compute_time, own.compute_time);
    keep_largest(together.communication_time, own.communication_time);
    for (auto [all, mine] :
         {std::pair{&together.wait_fraction_by_generation, &own.wait_fraction_by_generation},
          std::pair{&together.step_time_by_generation, &own.step_time_by_generation}})
      all->insert(all->end(), mine->begin(), mine->end());
  }
  together.mfu = flops / peak;
  together.mfu_used = flops_used / used;
  together.wait_fraction = waiting / chips;
  if (together.long_run) {
    together.long_run = long_runs.together();
    together.mfu_effective = flops_kept / peak_with_spares;
  }
  return together;
}

}  // namespace lockstep
