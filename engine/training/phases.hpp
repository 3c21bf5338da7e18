#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "engine/job/job.hpp"
#include "engine/network/collective.hpp"
#include "engine/network/operation.hpp"

namespace lockstep {

/// Which chips take part in one call of an operation.
enum class ParallelGroup {
  data,  ///< those at the same place of every replica
};

/// One kind of communication of a step: a row of the table in phases.cpp. Phases follow each other
/// at the end of a step that synchronizes; the first may begin before.
struct Phase {
  std::string_view name;  ///< "gradients"
  Operation operation;
  ParallelGroup group;
  double (*bytes)(const Job& job);  ///< buffer of each rank [B]
  /// Share of the last microbatch's time on the slowest stage that hides it: chips enter the first
  /// phase so long before their replica's compute ends.
  double (*window)(const Job& job);
  std::string_view source;
};

std::span<const Phase> phases();

/// A phase made ready for the groups of a design point.
struct PlannedPhase {
  const Phase* phase;
  double bytes;  ///< buffer of each rank [B]
  std::unique_ptr<Collective> collective;
  double noise_free_time;  ///< of all groups, everyone ready at once [s]
};

}  // namespace lockstep
