#include "engine/training/scenario.hpp"

#include <fmt/format.h>

#include <tuple>

#include "engine/base/error.hpp"
#include "engine/training/sampling.hpp"

namespace lockstep {
namespace {

void take_fp8_peaks(Fleet& fleet) {
  for (auto& generation : fleet.generations) {
    Chip& chip = generation.chip;
    if (chip.fp8_peak == 0)
      throw InputError(fmt::format(
          "job.compute_precision = fp8 ({0} has no FP8 peak) take bf16, or give chip.{0}.fp8_peak",
          chip.name));
    chip.wide_peak = chip.peak;
    chip.peak = chip.fp8_peak;
  }
}

}  // namespace

Scenario scenario_from(const Values& values, std::span<const TopologyKind* const> topologies,
                       std::uint64_t seed) {
  Scenario scenario;
  scenario.fleet = fleet_from(values);
  scenario.job = job_from(values);
  if (scenario.job.compute_precision == Precision::fp8) take_fp8_peaks(scenario.fleet);
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

bool Scenario::operator==(const Scenario& other) const {
  return phases.data() == other.phases.data() && phases.size() == other.phases.size() &&
         std::tie(fleet, job, fabric, noise, topology, steps, warmup_steps, seed, job_number,
                  stage_delay) == std::tie(other.fleet, other.job, other.fabric, other.noise,
                                           other.topology, other.steps, other.warmup_steps,
                                           other.seed, other.job_number, other.stage_delay);
}

}  // namespace lockstep
