#include "engine/training/scenario.hpp"

#include "engine/training/sampling.hpp"

namespace lockstep {

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
  const SamplingSettings sampling = sampling_from(values);
  scenario.steps = sampling.steps;
  scenario.warmup_steps = sampling.warmup_steps;
  scenario.seed = seed;
  return scenario;
}

}  // namespace lockstep
