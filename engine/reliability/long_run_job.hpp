#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/machine/layout.hpp"
#include "engine/network/replacement.hpp"
#include "engine/reliability/failures/node_runs.hpp"
#include "engine/reliability/job_nodes.hpp"
#include "engine/reliability/reliability.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

/// What a long run needs to know of a job, whatever the trial.
struct LongRunJob {
  std::int64_t nodes = 0;
  std::int64_t nodes_per_unit = 1;  ///< that leave the job and are replaced together
  bool consecutive = false;         ///< units can be replaced along a line only
  bool reconfigures_ocs = false;    ///< at every restart
  std::int64_t ranks = 0, replicas = 1;

  // What fails beside nodes at reliability.node_failure_rate.
  NodeRuns node_rates = {};  ///< of each node [1/s]; empty: all at that rate
  std::string node_rate_key = "reliability.node_failure_rate";  ///< of the highest of them
  std::vector<std::int64_t> domains =
      {};  ///< first node of each, and count(); empty: a node is one
  std::vector<std::vector<NodeSpan>> switches = {};  ///< nodes below each leaf switch, in order
  NodeRuns cables = {};                              ///< of each node
  std::int64_t optical_switches = 0;

  std::int64_t units() const { return (nodes + nodes_per_unit - 1) / nodes_per_unit; }
};

/// Fills in what fails in a job: rates by generation, domains, and the topology's `parts`. A node
/// is below all leaf switches that one of its chips is below, a node of eight rails below eight.
void add_failing_parts(LongRunJob& job, const Scenario& scenario, const Layout& layout,
                       const JobNodes& nodes, const Reliability& reliability, const Parts& parts);

}  // namespace lockstep
