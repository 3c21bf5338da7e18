#include "engine/training/scenario.hpp"

#include "engine/base/error.hpp"

namespace lockstep {

std::span<const Parameter> sampling_parameters() {
  static const std::vector<Parameter> rows{
      {.key = "sampling.trials",
       .number = 150,
       .type = ValueType::count,
       .default_text = "100",
       .minimum = 1,
       .maximum = 4294967295.0,
       .shapes_arrays = true,
       .summary = "randomized runs of each design point",
       .source = "assumption: p95 of the trials is then known to a few percent of the sample"},
      {.key = "sampling.steps",
       .number = 151,
       .type = ValueType::count,
       .default_text = "10",
       .minimum = 1,
       .maximum = 16777216,
       .shapes_arrays = true,
       .summary = "training steps recorded of each trial",
       .source = "assumption"},
      {.key = "sampling.warmup_steps",
       .number = 152,
       .type = ValueType::count,
       .default_text = "0",
       .maximum = 16777216,
       .shapes_arrays = true,
       .summary = "steps run and discarded before (skew carried without gradient clipping)",
       .source = "assumption: with gradient clipping step 1 is already stationary"},
      {.key = "sampling.seed",
       .number = 153,
       .type = ValueType::count,
       .default_text = "1",
       .maximum = 18446744073709551615.0,
       .shapes_arrays = true,
       .summary = "64-bit seed; the same seed gives the same bits",
       .source = "arbitrary"},
      {.key = "sampling.block",
       .number = 154,
       .type = ValueType::count,
       .default_text = "16",
       .minimum = 1,
       .maximum = 65536,
       .shapes_arrays = true,
       .summary = "consecutive trials scheduled, saved and sharded together",
       .source = "assumption: seconds of work at 100k chips"},
      {.key = "sampling.until",
       .number = 155,
       .type = ValueType::text,
       .default_text = "none",
       .shapes_arrays = true,
       .summary =
           "run trials until \"p99(step_time) within 1%\" or its like (mean, p50, p95, p99 of "
           "a variable) holds for every design point; sampling.trials is then the least",
       .source = "assumption: a fixed number of trials"},
      {.key = "sampling.max_trials",
       .number = 156,
       .type = ValueType::count,
       .default_text = "10000",
       .minimum = 1,
       .maximum = 4294967295.0,
       .shapes_arrays = true,
       .needs = {"sampling.until"},
       .summary = "most trials of each design point under sampling.until",
       .source = "assumption: p99 of the trials is then known to a tenth of the tail beyond it"},
  };
  return rows;
}

Scenario scenario_from(const Values& values, std::span<const TopologyKind* const> topologies,
                       std::uint64_t seed) {
  Scenario scenario;
  scenario.fleet = fleet_from(values);
  scenario.job = job_from(values);
  scenario.fabric = fabric_from(values);
  scenario.noise = noise_from(values);
  for (const TopologyKind* kind : topologies)
    if (kind->name == values.text("topology.kind")) scenario.topology = kind;
  scenario.phases = phases();
  scenario.steps = values.count("sampling.steps");
  scenario.warmup_steps = values.count("sampling.warmup_steps");
  scenario.seed = seed;
  return scenario;
}

}  // namespace lockstep
