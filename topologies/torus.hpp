#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// 3-D torus wired once and for all: any shape of single chips, no optical switch that could set
/// another torus around a failed part. With topology.machine it is a part of a larger torus, on
/// which sides shorter than the machine's are lines, no rings. Source: Adiga et al., "Blue Gene/L
/// torus interconnection network" (IBM J. Res. Dev. 49, 2005). Operations are TorusCollective's,
/// send TorusSend's.
extern const TopologyKind torus_topology;

}  // namespace lockstep
