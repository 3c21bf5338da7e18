#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/design_point.hpp"

namespace lockstep {

/// The chips and links of one trial: what lasts over all its steps.
struct TrialChips {
  std::vector<double> compute;  ///< (groups, replicas) a step's compute of each chip alone [s]
  std::vector<double> slowest;  ///< (pipeline, replicas) the slowest chip of each tensor group [s]
  /// (pipeline, replicas) what its group waits beyond it, as factors of it: the expected part and
  /// the sd of a step's. Empty where SynchronizationCost is nothing.
  std::vector<double> excess, residual;
  std::vector<double> link_factor;  ///< (links, groups, replicas), empty when no link is slow
};

/// Draws them. A slow chip stays the same chip whatever the topology or placement.
TrialChips draw_chips(const DesignPoint& point, std::uint32_t trial);

/// Fills slowest, excess and residual from compute. Cost: some 20 ns a tensor group and 1 ns a
/// chip.
void find_slowest(const DesignPoint& point, TrialChips& chips);

}  // namespace lockstep
