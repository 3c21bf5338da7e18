#include "topologies/torus.hpp"

#include "topologies/torus_kind.hpp"
#include "topologies/wiring/cube_slices.hpp"

namespace lockstep {

const TopologyKind torus_topology{
    .name = "torus",
    .summary = "static 3-D torus of single chips: it cannot be rewired around a failure",
    .source = "Adiga et al., Blue Gene/L (IBM J. Res. Dev. 49, 2005); Jain and Sabharwal (ICS'10)",
    .parameters = torus_parameters(),
    .usable_replicas = TorusKind<false>::usable_replicas,
    .make = TorusKind<false>::make,
    .operations = all_operations,
    .settle = TorusKind<false>::settle,
    .replacement = replace_plane,
    .slices = slices_of_boxes,
    .parts = torus_parts,
};

}  // namespace lockstep
