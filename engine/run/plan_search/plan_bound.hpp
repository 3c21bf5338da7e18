#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/job/job.hpp"
#include "engine/machine/fleet.hpp"
#include "engine/run/plan_search/parallel_plan.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

/// What the communication of layers takes in each layer and microbatch, at least.
struct LayerTraffic {
  double bare = 0;         ///< that nothing hides [s]
  double behind_pass = 0;  ///< that may hide behind the same microbatch's passes [s]
  double behind_both = 0;  ///< behind those of another microbatch [s]
  double ends = 0;         ///< of a microbatch at the ends of a chunk, however much hides [s]

  LayerTraffic operator+(const LayerTraffic& other) const {
    return {bare + other.bare, behind_pass + other.behind_pass, behind_both + other.behind_both,
            ends + other.ends};
  }
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

/// Whether such a job would fit all chips with whole gradients, which communicate less than sharded
/// ones and compute the same.
bool whole_gradients_fit(Job job, const Fleet& fleet, const JobEstimate& estimate);

/// Whose traffic: that of activations depends on how tensors, sequences and experts are split, on
/// the microbatch, recomputation and, with experts, the schedule; that of weights, which are
/// sharded, on how tensors and experts are split and on the replicas looked at.
enum class TrafficOf { activations, weights };

/// Traffic of the scenario's job, from its noise-free operations on the first few replicas alone
/// and without a pipeline, where they lie closest: not more than what the job has, since an
/// operation over more or farther chips is not faster. A shard group counts as one of
/// `most_sharded` replicas or fewer. Nothing where it cannot be said: topologies whose shape
/// depends on the number of replicas, uneven shares.
LayerTraffic least_traffic(const Scenario& scenario, const Placement& placement,
                           const Values& values, const JobEstimate& estimate, TrafficOf of);

/// What it depends on: plans of a search with the same key have the same.
std::string traffic_key(const ParallelPlan& plan, const Job& job, std::span<const Fleet> fleets,
                        TrafficOf of);

inline constexpr std::int64_t most_sharded = 64;

/// What a step of the scenario's job cannot be shorter than [s]: that of its first replicas alone,
/// about `few_chips` chips of them, each with as many microbatches, without clipping and optimizer;
/// by the same argument. None where it cannot be said, or costs not much less than the whole step.
std::optional<double> least_time_of_few(const Scenario& scenario, const Values& values,
                                        const JobEstimate& estimate);

inline constexpr std::int64_t few_chips = 1024;

}  // namespace lockstep
