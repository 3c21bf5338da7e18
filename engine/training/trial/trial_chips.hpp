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
  std::vector<double> compute;      ///< (groups, replicas) a step's compute of each chip alone [s]
  std::vector<double> link_factor;  ///< (links, groups, replicas), empty when no link is slow
  /// Chips that are persistent stragglers, or have a link that is slow, as positions in the layout.
  std::vector<std::int32_t> stragglers;
};

/// Draws them. A slow chip stays the same chip whatever the topology or placement.
TrialChips draw_chips(const DesignPoint& point, std::uint32_t trial);

/// Draws other chips for some positions, their `occupant`-th holders after the first: of the
/// positions' own generations, or of `spare`'s. Stragglers are added to.
void replace_chips(const DesignPoint& point, std::uint32_t trial,
                   std::span<const std::int32_t> positions, std::uint32_t occupant,
                   const Chip* spare, TrialChips& chips);

/// What the tensor group at a stage and replica takes without jitter of its steps, with the
/// replicas that it is coupled with: its slowest chip's lasting time and what it waits beyond it at
/// synchronizations [s].
double lasting_time(const DesignPoint& point, std::int64_t stage, std::int64_t replica,
                    const TrialChips& chips);

}  // namespace lockstep
