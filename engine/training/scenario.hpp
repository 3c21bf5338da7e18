#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/job/job.hpp"
#include "engine/machine/fabric.hpp"
#include "engine/machine/fleet.hpp"
#include "engine/network/collective.hpp"
#include "engine/noise/noise.hpp"
#include "engine/reliability/reliability.hpp"

namespace lockstep {

/// What one design point asks, as plain structs.
struct Scenario {
  Fleet fleet;
  Job job;
  Fabric fabric;
  Noise noise;
  Reliability reliability;
  std::optional<Chip> spare_chip;  ///< of reliability.spare_generation
  const TopologyKind* topology = nullptr;
  std::int64_t steps = 0, warmup_steps = 0;
  std::uint64_t seed = 0;
  std::uint64_t job_number = 0;  ///< of jobs side by side, from 0

  /// Another for each of them, so that they fail independently.
  std::uint64_t failure_seed() const { return seed + job_number * 0x9E3779B97F4A7C15; }
};

/// All parameters of the engine: fleet, chips, job, fabric, noise, reliability,
/// sampling.
std::vector<Parameter> engine_parameters();

/// Keys of [sampling].
std::span<const Parameter> sampling_parameters();

/// Reads every struct. Throws InputError on what rows cannot check (contradictions, fleets).
Scenario scenario_from(const Values& values, std::span<const TopologyKind* const> topologies,
                       std::uint64_t seed);

}  // namespace lockstep
