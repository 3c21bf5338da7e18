#include "topologies/ocs_torus.hpp"

#include "topologies/algorithms/torus/torus_all_reduce.hpp"

namespace lockstep {

constexpr std::int64_t tpu_v5p_pod = 8960;  // the largest published (Google Cloud documentation)

const TopologyKind ocs_torus_topology = torus_kind<torus_cube_side, tpu_v5p_pod>(
    "ocs_torus", "3-D torus of 4x4x4 cubes joined by optical circuit switches",
    "Jouppi et al., TPU v4 (ISCA'23, arXiv 2304.01433); Jain and Sabharwal (ICS'10)");

}  // namespace lockstep
