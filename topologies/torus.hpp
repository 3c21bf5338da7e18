#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// 3-D torus wired once and for all: any shape of single chips, no optical switch that could set
/// another torus around a failed part. Source: Adiga et al., "Blue Gene/L torus interconnection
/// network" (IBM J. Res. Dev. 49, 2005). Operations are TorusCollective's.
extern const TopologyKind torus_topology;

}  // namespace lockstep
