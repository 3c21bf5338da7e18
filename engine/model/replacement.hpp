#pragma once

#include <cstdint>

#include "engine/base/parameter.hpp"

namespace lockstep {

/// What leaves a job when one of its nodes fails, and what can take its place: any healthy unit of
/// the same sort, be it a spare or one that is back from repair.
struct Replacement {
  std::int64_t unit_chips = 1;    ///< replaced together, in whole nodes; 1: the node alone
  bool consecutive = false;       ///< units stand in a line, of which the job takes a stretch
  bool reconfigures_ocs = false;  ///< optical switches are set anew at every restart
};

// What TopologyKind::replacement can be.

/// Switched fabrics: any healthy node.
inline Replacement replace_node(const Values&, std::int64_t, std::int64_t) {
  return {};
}

/// Optical circuit switches: any healthy cube of 4x4x4 chips, since a cube with a hole is no part
/// of a torus (Jouppi et al., TPU v4, ISCA'23, arXiv 2304.01433, section 2).
inline Replacement replace_cube(const Values&, std::int64_t, std::int64_t) {
  return {.unit_chips = 64, .reconfigures_ocs = true};
}

}  // namespace lockstep
