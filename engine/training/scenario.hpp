#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/job/job.hpp"
#include "engine/machine/fabric.hpp"
#include "engine/machine/fleet.hpp"
#include "engine/network/collective.hpp"
#include "engine/noise/noise.hpp"
#include "engine/training/capability/stage_delay.hpp"
#include "engine/training/phases/phase.hpp"

namespace lockstep {

/// What one design point asks, as plain structs.
struct Scenario {
  Fleet fleet;
  Job job;
  Fabric fabric;
  Noise noise;
  const TopologyKind* topology = nullptr;
  std::span<const Phase> phases;  ///< of a step that synchronizes
  std::int64_t steps = 0, warmup_steps = 0;
  std::uint64_t seed = 0;
  std::uint64_t job_number = 0;  ///< of jobs side by side, from 0
  BeginStageDelay stage_delay;   ///< null: nothing lengthens compute

  /// Nothing that a design point is made of differs. Delays of two origins are taken as different.
  bool operator==(const Scenario& other) const;
};

/// Reads every struct. Throws InputError on what rows cannot check (contradictions, fleets).
Scenario scenario_from(const Values& values, std::span<const TopologyKind* const> topologies,
                       std::uint64_t seed);

}  // namespace lockstep
