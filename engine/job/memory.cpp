#include "engine/job/memory.hpp"

#include <algorithm>

#include "engine/job/stages.hpp"

namespace lockstep {
namespace {

constexpr double weight_bytes = 2, optimizer_state_bytes = 12, logit_bytes = 4;

/// Parameters of one chip: those that all replicas have, and those of experts, which an
/// expert-parallel group shares.
struct Parameters {
  double common = 0, experts = 0;
};

Parameters parameters_of(const Job& job, const Stage& stage) {
  const Model& model = job.model;
  const auto tensor = static_cast<double>(job.tensor);
  const double ends = (stage.embedding + stage.head) * model.embedding_parameters();
  return {
      (stage.dense_layers * model.dense_layer + stage.moe_layers * model.common + ends) / tensor,
      stage.moe_layers * model.experts * model.expert / (tensor * static_cast<double>(job.expert))};
}

/// What a chip holds of them when so many replicas share them.
double shard(const Parameters& parameters, const Job& job, double replicas) {
  const double copies = std::max(1.0, replicas / static_cast<double>(job.expert));
  return parameters.common / replicas + parameters.experts / copies;
}

/// What a chip of stage s has: with the dual schedule the mirrored stage, too.
Stage held(const Job& job, const std::vector<Stage>& stages, std::size_t s) {
  Stage stage = stages[s];
  if (job.schedule != Schedule::dual) return stage;
  const Stage& mirrored = stages[stages.size() - 1 - s];
  stage.dense_layers += mirrored.dense_layers;
  stage.moe_layers += mirrored.moe_layers;
  stage.embedding += mirrored.embedding;
  stage.head += mirrored.head;
  return stage;
}

/// Gradients that a chip holds where weights are shared by `group` replicas of all: with zero2 its
/// shard and the two parts of a stage that are whole, one that sums up and one on its way.
double gradients_of(const Job& job, const Parameters& parameters, const Stage& layers, double all,
                    double group) {
  if (job.data_parallel != Sharding::zero2 || all == 1) return shard(parameters, job, group);
  const double parts = job.virtual_stages > 1 ? static_cast<double>(job.virtual_stages)
                                              : layers.dense_layers + layers.moe_layers;
  const double whole = std::min(1.0, 2 / parts);
  return whole * shard(parameters, job, 1) + (1 - whole) * shard(parameters, job, all);
}

/// Activations of one token in a layer, all tensor-parallel chips together [B]: 34 hidden less 2 of
/// dropout masks, where the feed-forward block has two matrices and 4 x hidden, and all heads
/// their keys and values.
double layer_activations(const Model& model, bool has_experts) {
  const double query = model.heads * model.head_size, grouped = model.kv_heads / model.heads;
  const double inner =
      has_experts ? (model.top_k + model.shared_experts) * model.expert_hidden : model.feed_forward;
  const double copies = has_experts ? model.top_k + 1 : 1;  // of the block's input
  const double norms = 2 * model.hidden;
  const double attention = model.hidden + (2 + 2 * grouped) * query;
  const double block = copies * model.hidden + (model.gated ? 3 : 2) * inner;
  return activation_bytes * (norms + attention + block);
}

double activations_of(const Job& job, std::int64_t stage, const Stage& layers,
                      double microbatches) {
  const Model& model = job.model;
  const double tokens = job.microbatch_sequences * model.sequence_length /
                        static_cast<double>(job.context * job.tensor);
  const double dense = layer_activations(model, false);
  const double moe = model.experts > 0 ? layer_activations(model, true) : 0;
  const double input = activation_bytes * model.hidden;
  // The dual schedule's chips hold two stages and take half of the microbatches through each.
  double stages = chunks_in_flight(job, stage, microbatches);
  if (job.schedule == Schedule::interleaved) stages /= static_cast<double>(job.virtual_stages);
  if (job.schedule == Schedule::dual) stages /= 2;
  const bool again = job.recompute == Recompute::full;
  const double kept = again ? (layers.dense_layers + layers.moe_layers) * input
                            : layers.dense_layers * dense + layers.moe_layers * moe;
  const double whole = again ? std::max(layers.dense_layers > 0 ? dense : 0, moe) : 0;
  const double head = layers.head * (2 * input + logit_bytes * model.vocabulary);
  return tokens * (stages * kept + whole + head);
}

}  // namespace

double chunks_in_flight(const Job& job, std::int64_t stage, double microbatches) {
  const auto p = static_cast<double>(job.pipeline), v = static_cast<double>(job.virtual_stages);
  const double behind = p - static_cast<double>(stage) - 1;
  if (job.schedule == Schedule::dual) return std::min(microbatches, p + 1);
  if (job.schedule == Schedule::zero_bubble || job.virtual_stages == 1)
    return std::min(microbatches, behind + 1);
  return std::min(v * microbatches, 2 * behind + (v - 1) * p + 1);
}

namespace {

MemoryUse memory_of(const Job& job, const std::vector<Stage>& stages, std::int64_t stage,
                    std::int64_t replicas, double microbatches) {
  const Stage layers = held(job, stages, static_cast<std::size_t>(stage));
  const Parameters parameters = parameters_of(job, layers);
  const auto all = static_cast<double>(replicas);
  const bool sharded = job.shards_weights();
  const double group =
      sharded ? std::min(all, static_cast<double>(job.shard_group.value_or(replicas))) : 1;
  const double state = job.shards_optimizer_alone() ? all : group;
  const Parameters dense = parameters_of(job, {.dense_layers = 1});
  const Parameters moe = parameters_of(job, {.moe_layers = 1});
  const double layer = std::max(layers.dense_layers > 0 ? dense.common : 0,
                                layers.moe_layers > 0 ? moe.common + moe.experts : 0);
  return {.weights =
              weight_bytes * (shard(parameters, job, group) + (sharded && group > 1 ? layer : 0)),
          .gradients = job.gradient_precision * gradients_of(job, parameters, layers, all, group),
          .optimizer = optimizer_state_bytes * shard(parameters, job, state),
          .activations = activations_of(job, stage, layers, microbatches)};
}

}  // namespace

MemoryUse memory_use(const Job& job, std::int64_t stage, std::int64_t replicas,
                     double microbatches) {
  return memory_of(job, stages_of(job), stage, replicas, microbatches);
}

MemoryUse most_memory(const Job& job, std::int64_t replicas, double microbatches) {
  const std::vector<Stage> stages = stages_of(job);
  MemoryUse most;
  for (std::int64_t stage = 0; stage < job.pipeline; ++stage) {
    const MemoryUse use = memory_of(job, stages, stage, replicas, microbatches);
    if (use.total() > most.total()) most = use;
  }
  return most;
}

double optimizer_time(const Job& job, const Chip& chip, double shards) {
  const std::vector<Stage> stages = stages_of(job);
  double most = 0;
  for (std::size_t s = 0; s < stages.size(); ++s)
    most = std::max(most, shard(parameters_of(job, held(job, stages, s)), job, shards));
  return job.optimizer_bytes * most / chip.hbm_bandwidth;
}

}  // namespace lockstep
