#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "engine/base/distribution.hpp"
#include "engine/base/parameter.hpp"
#include "engine/job/model.hpp"
#include "engine/job/pipeline/pipeline_shape.hpp"

namespace lockstep {

enum class WorkShare { equal, proportional };
enum class Precision { bf16, fp8 };
/// What replicas share of their state: nothing, the optimizer's (ZeRO-1), gradients, too (ZeRO-2),
/// weights, too, over all or in groups (ZeRO, arXiv 1910.02054; PyTorch FSDP, VLDB 2023).
enum class Sharding { all_reduce, distributed_optimizer, zero2, fsdp, hsdp };
enum class Recompute { none, selective, full };
/// How context-parallel chips get each other's keys and values: all at once before attention, or
/// round by round behind it.
enum class ContextMethod { all_gather, ring };

/// Of an activation between chips or layers: 16-bit formats (Korthikanti et al.,
/// arXiv 2205.05198, section 4).
inline constexpr double activation_bytes = 2;

/// The training job as the study describes it.
struct Job {
  Model model;
  std::optional<double> tokens_per_batch;  ///< fixed batch
  std::optional<double> tokens_per_chip;   ///< batch grows with the chips in the job
  std::optional<double> compute_time;      ///< of a step on the first generation [s]
  double microbatch_sequences = 0;
  double kernel_efficiency = 0;
  std::optional<double> attention_efficiency;  ///< of BF16's peak; else kernel_efficiency
  Precision compute_precision = {};            ///< of the matrix products: whose peak counts

  // The plan. A replica is one copy of the model, tensor x pipeline chips.
  std::int64_t tensor = 0, pipeline = 0;
  std::int64_t virtual_stages = 0;          ///< chunks of a pipeline stage
  std::int64_t context = 1;                 ///< adjacent replicas that share each sequence
  std::int64_t expert = 1;                  ///< adjacent replicas that share a layer's experts
  Sharding data_parallel = {};              ///< of the state that replicas have in common
  std::optional<std::int64_t> shard_group;  ///< replicas of an fsdp or hsdp group; fsdp: or all
  Schedule schedule = {};
  Recompute recompute = {};
  std::optional<double> stage_imbalance;  ///< time of the last stage over the others', less 1
  WorkShare work_share = {};
  bool gradient_clipping = false;
  std::optional<double> synchronizations;  ///< tensor-parallel ones a step and stage
  std::int64_t sync_every = 0;  ///< steps from one data-parallel synchronization to the next

  // Communication. Shares left open follow from how frameworks hide the traffic.
  double overlap = 0;
  double gradient_precision = 0;         ///< bytes per parameter
  std::optional<double> gradient_bytes;  ///< of one model copy [B]
  double parameter_precision = 0;        ///< bytes per parameter gathered
  std::optional<double> tensor_exposed, pipeline_exposed, context_exposed, expert_exposed;
  ContextMethod context_method = {};
  bool prefetch = false;                ///< whether a step's first all-gather chunk is hidden
  double interference = 0;              ///< share by which compute slows beside communication
  std::optional<double> routing_nodes;  ///< nodes that a token's experts may lie on
  double dispatch_precision = 0, combine_precision = 0;  ///< bytes per element
  Distribution expert_imbalance;  ///< fullest expert chip over the mean; below 1 counts as 1
  std::optional<double> buckets;  ///< chunks of a stage's gradients without virtual stages
  double optimizer_bytes = 0;     ///< through memory, per parameter of a shard
  std::string free_phases;        ///< names of phases that take no time

  /// Microbatches of `tokens`, rounded down.
  double microbatches_of(double tokens) const;
  std::int64_t model_parallel() const { return tensor * pipeline; }
  /// Whether a step, counted from 0 with warm-up, ends with the replicas' all-reduce.
  bool synchronizes(std::int64_t step) const { return (step + 1) % sync_every == 0; }
  /// The pipeline of a replica with so many microbatches, and what passes between its stages where
  /// a microbatch takes `transfer` [s].
  PipelineShape pipeline_shape(double microbatches) const {
    return {schedule, pipeline, virtual_stages, static_cast<std::int64_t>(microbatches)};
  }
  PipelineTransfer pipeline_transfer(double transfer) const {
    return {transfer, pipeline_exposed.value_or(0)};
  }
  /// Adjacent replicas that keep pace in every layer, since they share sequences or experts.
  std::int64_t coupled_replicas() const;
  /// The most of so many replicas that make whole groups of all sorts.
  std::int64_t whole_replicas(std::int64_t replicas) const;
  /// Of so many, those that share one copy of the weights under fsdp and hsdp.
  std::int64_t shard_replicas(std::int64_t replicas) const;
  /// Whether replicas share weights layer by layer, and whether the optimizer's state, but not
  /// them.
  bool shards_weights() const {
    return data_parallel == Sharding::fsdp || data_parallel == Sharding::hsdp;
  }
  bool shards_optimizer_alone() const {
    return data_parallel == Sharding::distributed_optimizer || data_parallel == Sharding::zero2;
  }
  /// Of so many microbatches of a replica, how often a layer's gradients are reduced with zero2:
  /// when its chunk has gone back for a group of microbatches (microbatch_groups) and the chip goes
  /// on with another one; without virtual stages after each.
  double gradient_rounds(double microbatches) const;
  /// Of so many, those that share one optimizer's state: 1, all, or those of a shard group.
  double optimizer_shards(std::int64_t replicas) const;
  /// Chunks in which a stage's weights are gathered and its gradients reduced, over so many
  /// replicas: those of its schedule where it has several, else buckets; by default as many of
  /// these as it has layers, of max(40e6, 1e6 replicas) parameters at least (Megatron-LM,
  /// DistributedDataParallelConfig).
  std::int64_t gradient_chunks(std::int64_t replicas) const;
  /// Pipeline stages whose weights a chip holds: two with the dual schedule, its own and the one
  /// opposite (DualPipe: twice the parameters).
  double stages_held() const;
  /// Parameters of a chip, the mean over stages: of experts, and of all else.
  double expert_parameters_per_chip() const;
  double common_parameters_per_chip() const;
  /// Gradient buffer of one chip that its data-parallel group reduces, without experts' [B].
  double gradient_bytes_per_chip() const;
  /// Microbatches of each of so many replicas where they share the batch evenly.
  double microbatches_each(std::int64_t replicas) const;
  bool operator==(const Job&) const = default;
};

std::span<const Parameter> job_parameters();

/// Reads the job. Throws InputError where keys contradict each other (tokens per chip and per
/// batch; compute_time and tokens; more stages than the model has layers for).
Job job_from(const Values& values);

}  // namespace lockstep
