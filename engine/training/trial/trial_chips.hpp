#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/training/design_point.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose chip_speed{1};
}  // namespace purpose

/// The chips and links of one trial: what lasts over all its steps.
struct TrialChips {
  std::vector<double> compute;  ///< (groups, replicas) a step's compute of each chip alone [s]
  std::vector<double> slowest;  ///< (pipeline, replicas) the slowest chip of each tensor group [s]
  /// (pipeline, replicas) what its group waits beyond it, by SynchronizationCost: mean_excess,
  /// slowest_share and residual. Empty where that is nothing.
  std::vector<double> excess, share, residual;
  std::vector<double> link_factor;  ///< (links, groups, replicas), empty when no link is slow
  /// Chips that are persistent stragglers, or have a link that is slow, as positions in the layout.
  std::vector<std::int32_t> stragglers;
};

/// Draws them. A slow chip stays the same chip whatever the topology or placement.
TrialChips draw_chips(const DesignPoint& point, std::uint32_t trial);

/// Draws other chips for some positions, their `occupant`-th holders after the first: of the
/// positions' own generations, or of `spare`'s. What is known of tensor groups is left as it is,
/// stragglers are added to.
void replace_chips(const DesignPoint& point, std::uint32_t trial,
                   std::span<const std::int32_t> positions, std::uint32_t occupant,
                   const Chip* spare, TrialChips& chips);

/// Fills slowest, excess, share and residual from compute. Cost: some 20 ns a tensor group and 1 ns
/// a chip.
void find_slowest(const DesignPoint& point, TrialChips& chips);

/// The same for one tensor group alone, with the replicas that it is coupled with.
void find_slowest(const DesignPoint& point, std::int64_t stage, std::int64_t replica,
                  TrialChips& chips);

}  // namespace lockstep
