#include "engine/model/jobs.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"

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

void keep_largest(std::vector<double>& most, const std::vector<double>& values) {
  for (std::size_t i = 0; i < most.size(); ++i) most[i] = std::max(most[i], values[i]);
}

}  // namespace

Jobs::Jobs(const Values& values, std::span<const TopologyKind* const> topologies,
           std::uint64_t seed) {
  const Scenario scenario = scenario_from(values, topologies, seed);
  fleet_ = scenario.fleet;
  if (values.text("job.work_share") != "isolated") {
    jobs_.push_back(std::make_unique<DesignPoint>(scenario, values));
    return;
  }
  if (scenario.reliability.on())
    throw InputError(
        "job.work_share isolated and reliability.horizon are both given (each job would have "
        "failures and spares of its own) write a study for each generation");
  for (std::size_t g = 0; g < fleet_.generations.size(); ++g) {
    Scenario own = scenario;
    own.fleet = fleet_of_generation(fleet_, g);
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
  return text;
}

TrialResult Jobs::run_trial(std::uint32_t trial, int workers) const {
  TrialResult together = lockstep::run_trial(*jobs_.front(), trial, workers);
  if (jobs_.size() == 1) return together;
  double peak = 0, used = 0, chips = 0, flops = 0, flops_used = 0, waiting = 0;
  const auto add = [&](const DesignPoint& job, const TrialResult& result) {
    peak += job.scenario().fleet.peak();
    used += used_peak(job);
    chips += chips_in(job);
    flops += result.mfu * job.scenario().fleet.peak();
    flops_used += result.mfu_used * used_peak(job);
    waiting += result.wait_fraction * chips_in(job);
  };
  add(*jobs_.front(), together);
  for (std::size_t j = 1; j < jobs_.size(); ++j) {
    const TrialResult own = lockstep::run_trial(*jobs_[j], trial, workers);
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
  return together;
}

}  // namespace lockstep
