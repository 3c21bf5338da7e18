#include <limits>

#include "engine/training/trial/trial.hpp"

namespace lockstep {
namespace {

template <auto member>
std::span<const double> values(const TrialResult& trial) {
  if constexpr (std::is_same_v<decltype(trial.*member), const double&>)
    return std::span(&(trial.*member), 1);
  else
    return trial.*member;
}

}  // namespace

std::span<const MetricOf<TrialResult>> training_metrics() {
  using T = TrialResult;
  static const std::vector<std::string> step{std::string(step_extent)},
      generation{std::string(generation_extent)};
  static const std::vector<MetricOf<TrialResult>> rows{
      {{{"step_time", step, "s", "latest finish of any chip less that of the step before"}},
       values<&T::step_time>},
      {{{"compute_time", step, "s",
         "pipeline of the slowest replica: compute, bubble, exposed traffic of layers, optimizer"}},
       values<&T::compute_time>},
      {{{"communication_time", step, "s", "latest finish less the latest end of that"}},
       values<&T::communication_time>},
      {{.variable = {"mfu",
                     {},
                     "1",
                     "model FLOPs over the BF16 peak of all chips of the fleet, idle included"},
        .needs_work = true,
        .of_each_trial = false},
       values<&T::mfu>},
      {{.variable = {"mfu_used", {}, "1", "model FLOPs over the BF16 peak of the chips in the job"},
        .needs_work = true,
        .of_each_trial = false},
       values<&T::mfu_used>},
      {{{"wait_fraction",
         {},
         "1",
         "share of the step a chip neither computes nor takes part in noise-free communication"}},
       values<&T::wait_fraction>},
      {{.variable = {"wait_fraction_by_generation", generation, "1",
                     "wait_fraction of each generation's chips in the job"},
        .of_each_trial = false},
       values<&T::wait_fraction_by_generation>},
      {{.variable = {"step_time_by_generation", generation, "s",
                     "mean step time of the job that each generation's chips are in"},
        .of_each_trial = false},
       values<&T::step_time_by_generation>},
  };
  return rows;
}

}  // namespace lockstep
