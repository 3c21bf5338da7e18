#include "topologies/torus.hpp"

#include "topologies/algorithms/torus/torus_all_reduce.hpp"

namespace lockstep {

constexpr std::int64_t single_chip = 1;
constexpr std::int64_t blue_gene_l = 65536;  // 64 x 32 x 32, the largest published

const TopologyKind torus_topology = torus_kind<single_chip, blue_gene_l>(
    "torus", "static 3-D torus of single chips: it cannot be rewired around a failure",
    "Adiga et al., Blue Gene/L (IBM J. Res. Dev. 49, 2005); Jain and Sabharwal (ICS'10)");

}  // namespace lockstep
