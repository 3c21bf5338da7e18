#include "topologies/ocs_torus.hpp"

#include "topologies/torus_kind.hpp"
#include "topologies/wiring/cube_slices.hpp"

namespace lockstep {

const TopologyKind ocs_torus_topology{
    .name = "ocs_torus",
    .summary = "3-D torus of 4x4x4 cubes joined by optical circuit switches",
    .source = "Jouppi et al., TPU v4 (ISCA'23, arXiv 2304.01433); Jain and Sabharwal (ICS'10)",
    .parameters = optical_torus_parameters(),
    .usable_replicas = TorusKind<true>::usable_replicas,
    .make = TorusKind<true>::make,
    .operations = all_operations,
    .settle = TorusKind<true>::settle,
    .replacement = replace_cube,
    .slices = slices_of_cubes,
    .parts = ocs_torus_parts,
};

}  // namespace lockstep
