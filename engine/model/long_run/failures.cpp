#include "engine/model/long_run/failures.hpp"

#include "engine/model/long_run/long_run.hpp"

namespace lockstep {

Failures::Failures(const Reliability& reliability, const LongRunJob& job, std::uint64_t seed,
                   std::uint32_t trial)
    : nodes_(reliability, job.nodes, Stream{seed, Purpose::node_failure, trial}) {}

Failure Failures::next() {
  const NodeFailure node = nodes_.next();
  return {.time = node.time, .first_node = node.node, .last_node = node.node + 1};
}

double interruption_rate(const Reliability& reliability, const LongRunJob& job) {
  return static_cast<double>(job.nodes) * reliability.node_failure_rate;
}

}  // namespace lockstep
