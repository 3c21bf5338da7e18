#pragma once

#include <cstdint>
#include <vector>

#include "engine/machine/fabric.hpp"
#include "engine/machine/layout.hpp"

namespace lockstep {

/// The leaf switch and the pod of every chip's NIC. By racks, a leaf holds fabric.leaf_chips
/// neighbouring slots. By rails, chips of the same place in leaf_chips neighbouring scale-up
/// domains of a pod, so that traffic between such chips stays below one leaf: a pod of domains of D
/// chips has D leaves for every leaf_chips domains. Places count from a domain's first chip in the
/// job.
struct LeafSwitches {
  std::vector<std::int32_t> leaf, pod;    ///< (chips)
  std::vector<std::int32_t> pod_of_leaf;  ///< (leaves) of a leaf that reaches over two, the first
};

LeafSwitches leaf_switches(const Layout& layout, const Fabric& fabric);

}  // namespace lockstep
