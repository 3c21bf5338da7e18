#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/job/job.hpp"
#include "engine/machine/fleet.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

/// What the communication of layers takes in each layer and microbatch, at least.
struct LayerTraffic {
  double bare = 0;         ///< that nothing hides [s]
  double behind_pass = 0;  ///< that may hide behind the same microbatch's passes [s]
  double behind_both = 0;  ///< behind those of another microbatch [s]
};

/// What is known of a job on a fleet before any layout.
struct JobEstimate {
  std::int64_t replicas = 0;  ///< the most
  double microbatches = 0;    ///< of the fullest replica where all share alike
  double flops = 0;           ///< model FLOPs of a step
  /// What a step cannot be shorter than [s]: compute with the traffic of layers, and what the last
  /// of a stage's pipeline leaves open.
  double least_time = 0;
};

/// None where the fleet has no room for a replica, or the batch is too small for all.
std::optional<JobEstimate> estimate_job(const Job& job, const Fleet& fleet,
                                        const LayerTraffic& traffic = {});

/// The memory that the fullest chip of such a job may use [B]: the least of the generations that
/// are surely in it, else the most of all.
double room_for(const Job& job, const Fleet& fleet, const JobEstimate& estimate);

/// Traffic of the scenario's job, from its noise-free operations on the first few replicas alone
/// and without a pipeline, where they lie closest: not more than what the job has, since an
/// operation over more or farther chips is not faster. A shard group counts as one of
/// `most_sharded` replicas or fewer. Nothing where it cannot be said: topologies whose shape
/// depends on the number of replicas, uneven shares.
LayerTraffic least_traffic(const Scenario& scenario, const Values& values,
                           const JobEstimate& estimate);

/// The replicas that least_traffic looks at. Jobs that are alike but for pipeline, recomputation
/// and data parallelism have the same where these are, and both or neither shard their weights.
std::int64_t replicas_looked_at(const Job& job, std::int64_t replicas);

inline constexpr std::int64_t most_sharded = 64;

/// What a step of the scenario's job cannot be shorter than [s]: that of its first replicas alone,
/// about `few_chips` chips of them, each with as many microbatches, without clipping and optimizer;
/// by the same argument. None where it cannot be said, or costs not much less than the whole step.
std::optional<double> least_time_of_few(const Scenario& scenario, const Values& values,
                                        const JobEstimate& estimate);

inline constexpr std::int64_t few_chips = 1024;

}  // namespace lockstep
