#include "engine/reliability/long_run_job.hpp"

#include <algorithm>

#include "engine/machine/leaf_switches.hpp"

namespace lockstep {
namespace {

/// The nodes below each leaf switch. A node that stands under two is below both.
std::vector<std::vector<NodeSpan>> nodes_below(const LeafSwitches& switches,
                                               const JobNodes& nodes) {
  std::vector<std::vector<NodeSpan>> below(switches.pod_of_leaf.size());
  for (std::int64_t node = 0; node < nodes.count(); ++node)
    for (std::int32_t chip : nodes.chips(node, node + 1)) {
      auto& spans = below[static_cast<std::size_t>(switches.leaf[static_cast<std::size_t>(chip)])];
      if (spans.empty() || spans.back().last < node) spans.push_back({node, node});
      spans.back().last = node + 1;
    }
  std::erase_if(below, [](const auto& spans) { return spans.empty(); });  // of idle chips alone
  return below;
}

}  // namespace

void add_failing_parts(LongRunJob& job, const Scenario& scenario, const Layout& layout,
                       const JobNodes& nodes, const Reliability& reliability, const Parts& parts) {
  double highest = reliability.node_failure_rate;
  for (std::int64_t node = 0; node < nodes.count(); ++node) {
    const Chip& chip = scenario.fleet.generations[nodes.generation(node)].chip;
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
  if (parts.leaf_switches)
    job.switches = nodes_below(leaf_switches(layout, scenario.fabric), nodes);
  job.optical_switches = parts.optical_switches;
}

}  // namespace lockstep
