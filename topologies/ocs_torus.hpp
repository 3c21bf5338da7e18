#pragma once

#include "engine/network/collective.hpp"

namespace lockstep {

/// 3-D torus of 4x4x4 cubes joined by optical circuit switches; a shape that is not of whole cubes
/// is a mesh, lines in every dimension. Source: Jouppi et al., TPU v4 (ISCA'23, arXiv 2304.01433).
/// Operations are TorusCollective's, send TorusSend's, all-to-all of a whole twisted torus
/// TwistedExchange's.
extern const TopologyKind ocs_torus_topology;

}  // namespace lockstep
