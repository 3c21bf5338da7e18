#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/training/design_point.hpp"

namespace lockstep {

/// The dimension of the file's variables over them.
inline constexpr std::string_view phase_extent = "phase";

/// A part of a step that synchronizes, without noise.
struct StepPart {
  std::string_view name;                  ///< "compute", "gradients"
  double time = 0;                        ///< all its calls, everyone ready at once [s]
  double exposed = 0;                     ///< what it adds to the step [s]
  const PlannedPhase* planned = nullptr;  ///< of a phase
};

/// Compute, bubble, the phases of the job in the order of the table, clipping, optimizer: what
/// `describe` prints and the file holds. The sum of `exposed` is quiet_step().time() to rounding.
/// What is no phase adds all of its time. Names and phases are those of the point.
std::vector<StepPart> parts_of_step(const DesignPoint& point);

/// Names of all the parts that steps with phases of this table can have, in the same order.
std::vector<std::string> names_of_parts(std::span<const Phase> table);

}  // namespace lockstep
