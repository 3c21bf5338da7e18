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

/// What can fail in a topology beside nodes.
struct Parts {
  bool leaf_switches = false;  ///< chips stand below some (engine/machine/leaf_switches.hpp)
  std::int64_t cables_per_chip = 1;
  std::int64_t optical_switches = 0;  ///< of the whole job
};

// What TopologyKind::parts can be.

/// Switched fabrics: a chip's NIC has one cable, to its leaf.
inline Parts switched_parts(const Values&, std::int64_t) {
  return {.leaf_switches = true};
}

/// Tori without switches: six links a chip, each shared by two.
inline Parts torus_parts(const Values&, std::int64_t) {
  return {.cables_per_chip = 3};
}

/// 48 optical circuit switches for each 64 cubes begun (Jouppi et al., TPU v4, section 2).
inline Parts ocs_torus_parts(const Values&, std::int64_t chips) {
  constexpr std::int64_t switches = 48, chips_joined = 64 * 64;
  return {.cables_per_chip = 3,
          .optical_switches = switches * ((chips + chips_joined - 1) / chips_joined)};
}

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
