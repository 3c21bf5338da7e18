#include "topologies/table.hpp"

#include <algorithm>
#include <array>

#include "topologies/hierarchical_ring.hpp"
#include "topologies/nccl.hpp"
#include "topologies/ocs_torus.hpp"
#include "topologies/ring.hpp"
#include "topologies/switch_reduce.hpp"
#include "topologies/torus.hpp"
#include "topologies/tree.hpp"

namespace lockstep {

std::span<const TopologyKind* const> topology_kinds() {
  static const std::array kinds{&ring_topology,     &hierarchical_ring_topology,
                                &tree_topology,     &switch_reduce_topology,
                                &nccl_topology,     &torus_topology,
                                &ocs_torus_topology};
  return kinds;
}

const std::vector<Parameter>& topology_parameters() {
  static const std::vector<Parameter> rows = [] {
    Parameter kind{.key = "topology.kind",
                   .number = 80,
                   .type = ValueType::choice,
                   .default_text = "tree",
                   .shapes_arrays = true,
                   .summary =
                       "how chips are wired and which all-reduce runs (lockstep list "
                       "topologies)",
                   .source = "tree: what NCCL takes at this scale"};
    for (const TopologyKind* row : topology_kinds()) kind.words.push_back(row->name);
    std::vector<Parameter> all{kind};
    for (const TopologyKind* row : topology_kinds())
      for (const Parameter& parameter : row->parameters)
        if (std::none_of(all.begin(), all.end(),
                         [&](const Parameter& p) { return p.key == parameter.key; }))
          all.push_back(parameter);
    return all;
  }();
  return rows;
}

}  // namespace lockstep
