#pragma once

#include <cstdint>

namespace lockstep {

/// What leaves a job when one of its nodes fails, and what can take its place: any healthy unit of
/// the same sort, be it a spare or one that is back from repair.
struct Replacement {
  std::int64_t unit_chips = 1;    ///< replaced together, in whole nodes; 1: the node alone
  bool reconfigures_ocs = false;  ///< optical switches are set anew at every restart
};

// What TopologyKind::replacement can be, of a job of `job_chips` chips.

/// Switched fabrics: any healthy node.
inline Replacement replace_node(std::int64_t) {
  return {};
}

/// Optical circuit switches: any healthy cube of 4x4x4 chips, since a cube with a hole is no part
/// of a torus (Jouppi et al., TPU v4, ISCA'23, arXiv 2304.01433, section 2).
inline Replacement replace_cube(std::int64_t) {
  return {64, true};
}

/// Fixed wiring: another healthy block of contiguous chips as large as the whole job. Spares count
/// as blocks beside the job's own; one that overlaps it is not looked for.
inline Replacement replace_block(std::int64_t job_chips) {
  return {job_chips, false};
}

}  // namespace lockstep
