#include "engine/run/metrics.hpp"

namespace lockstep {

std::span<const Metric> metrics() {
  static const std::vector<Metric> rows{
      {{"step_time", {Extent::step}, "s", "latest finish of any chip less that of the step before"},
       false,
       [](const TrialResult& t) -> std::span<const double> { return t.step_time; }},
      {{"compute_time", {Extent::step}, "s", "compute of the slowest replica, bubble included"},
       false,
       [](const TrialResult& t) -> std::span<const double> { return t.compute_time; }},
      {{"communication_time", {Extent::step}, "s", "latest finish less the latest end of compute"},
       false,
       [](const TrialResult& t) -> std::span<const double> { return t.communication_time; }},
      {{"mfu", {}, "1", "model FLOPs over the BF16 peak of all chips of the fleet, idle included"},
       true,
       [](const TrialResult& t) { return std::span(&t.mfu, 1); }},
      {{"mfu_used", {}, "1", "model FLOPs over the BF16 peak of the chips in the job"},
       true,
       [](const TrialResult& t) { return std::span(&t.mfu_used, 1); }},
      {{"wait_fraction",
        {},
        "1",
        "share of the step a chip neither computes nor takes part in noise-free communication"},
       false,
       [](const TrialResult& t) { return std::span(&t.wait_fraction, 1); }},
      {{"wait_fraction_by_generation",
        {Extent::chip_generation},
        "1",
        "wait_fraction of each generation's chips in the job"},
       false,
       [](const TrialResult& t) -> std::span<const double> {
         return t.wait_fraction_by_generation;
       }},
      {{"step_time_by_generation",
        {Extent::chip_generation},
        "s",
        "mean step time of the job that each generation's chips are in"},
       false,
       [](const TrialResult& t) -> std::span<const double> { return t.step_time_by_generation; }},
  };
  return rows;
}

}  // namespace lockstep
