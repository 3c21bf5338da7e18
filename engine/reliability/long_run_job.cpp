#include "engine/reliability/long_run_job.hpp"

#include <algorithm>

namespace lockstep {
namespace {

/// The nodes below each leaf switch of so many chips. A node that stands under two is below both.
std::vector<NodeSpan> leaf_switches(const JobNodes& nodes, const Layout& layout,
                                    std::int64_t leaf_chips) {
  std::vector<NodeSpan> leaves;
  std::int64_t last_leaf = -1;
  for (std::int64_t node = 0; node < nodes.count(); ++node)
    for (std::int32_t chip : nodes.chips(node, node + 1)) {
      const std::int64_t leaf = layout.slot[static_cast<std::size_t>(chip)] / leaf_chips;
      if (leaf != last_leaf) leaves.push_back({node, node});
      leaves.back().last = node + 1;
      last_leaf = leaf;
    }
  return leaves;
}

}  // namespace

void add_failing_parts(LongRunJob& job, const Fleet& fleet, const Layout& layout,
                       const JobNodes& nodes, const Reliability& reliability, const Parts& parts) {
  double highest = reliability.node_failure_rate;
  for (std::int64_t node = 0; node < nodes.count(); ++node) {
    const Chip& chip = fleet.generations[nodes.generation(node)].chip;
    const double rate = chip.node_failure_rate.value_or(reliability.node_failure_rate);
    if (rate > highest) {
      highest = rate;
      job.node_rate_key = "chip." + chip.name + ".node_failure_rate";
    }
    job.node_rates.add(1, rate);
    job.cables.add(1, static_cast<double>(parts.cables_per_chip) *
                          static_cast<double>(nodes.chips(node, node + 1).size()));
  }
  job.domains = nodes.domains();
  if (parts.leaf_chips > 0) job.switches = leaf_switches(nodes, layout, parts.leaf_chips);
  job.optical_switches = parts.optical_switches;
}

}  // namespace lockstep
