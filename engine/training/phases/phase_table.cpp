#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/training/phases/phase.hpp"

namespace lockstep {
namespace {

using J = const Job&;

/// Tokens of a microbatch on a replica; context parallelism gives each its share.
double tokens(J job) {
  return job.microbatch_sequences * job.model.sequence_length / static_cast<double>(job.context);
}

/// Activations between two layers of a microbatch [B], all tensor ranks together.
double activations(J job) {
  return activation_bytes * tokens(job) * job.model.hidden;
}

bool has_tensor(J job) {
  return job.tensor > 1;
}
bool has_context(J job) {
  return job.context > 1;
}
bool has_experts(J job) {
  return job.model.experts > 0;
}
bool speaks_to_experts(J job) {
  return has_experts(job) && job.expert > 1;
}
bool is_sharded(J job) {
  return job.shards_weights();
}
bool is_replicated(J job) {
  return job.data_parallel == Sharding::all_reduce;
}
bool shards_optimizer(J job) {
  return job.shards_optimizer_alone();
}
bool shards_gradients(J job) {
  return job.data_parallel == Sharding::zero2;
}

/// Forward, backward; once more forward where everything is computed again.
double passes(J job) {
  return job.recompute == Recompute::full ? 3 : 2;
}

/// Of all layers, those whose feed-forward part is experts.
double expert_layers(J job) {
  return job.model.layers > 0 ? 1 - job.model.dense_layers / job.model.layers : 0;
}

/// Copies of a token that leave its chip: one to each expert, or, where routing is limited to some
/// nodes, one to each of these, whose chips pass it on among themselves.
double copies(J job) {
  const double to_experts = std::min(job.model.top_k, static_cast<double>(job.expert));
  return job.routing_nodes ? std::min(to_experts, *job.routing_nodes) : to_experts;
}

/// Without a second microbatch to compute meanwhile nothing hides it.
double experts_exposed(J job) {
  return job.expert_exposed.value_or(job.schedule == Schedule::dual ? 0 : 1);
}

/// What each rank of an expert group sends of a microbatch in a layer, its own part too [B].
double routed(J job, double precision) {
  return tokens(job) / static_cast<double>(job.tensor) * copies(job) * job.model.hidden * precision;
}

double gradients(J job) {
  return job.gradient_bytes_per_chip();
}
double parameters(J job) {
  return job.common_parameters_per_chip() * job.parameter_precision;
}
double expert_parameters(J job) {
  return job.expert_parameters_per_chip() * job.parameter_precision;
}
double expert_gradients(J job) {
  return job.expert_parameters_per_chip() * job.gradient_precision;
}

/// One layer's share of what a chip's stages gather or reduce with FSDP.
double of_a_layer(J job, double chip_bytes) {
  const double layers = job.model.layers / static_cast<double>(job.pipeline) * job.stages_held();
  return layers > 0 ? chip_bytes / layers : 0;
}

/// Rounds of a layer's gradients before the last one, for each microbatch.
double earlier_rounds(J job, double microbatches) {
  return (job.gradient_rounds(microbatches) - 1) / microbatches;
}

double weights_of_a_layer(J job) {
  return of_a_layer(job, parameters(job) + expert_parameters(job));
}

constexpr std::string_view megatron_tensor =
    "all-gather before, reduce-scatter after attention and the feed-forward part, turned round in "
    "the backward pass: Korthikanti et al. (arXiv 2205.05198), section 4.2.2";
constexpr std::string_view deepseek = "DeepSeek-V3 (arXiv 2412.19437), sections 3.2.2 and 3.3.3";
constexpr std::string_view zero =
    "Rajbhandari et al., ZeRO (arXiv 1910.02054), section 7; chunk by chunk: Megatron-LM, "
    "distributed optimizer; MegaScale (arXiv 2402.15627), section 3.2";
constexpr std::string_view rounds =
    "partitioned gradients are reduced in every backward pass: Rajbhandari et al., ZeRO (arXiv "
    "1910.02054), section 5.2; PyTorch FSDP2, gradient accumulation with reduce-scatter; in rounds "
    "of "
    "the interleaved schedule: Lamy-Poirier, Breadth-first pipeline parallelism (arXiv 2211.05953)";
constexpr std::string_view sharded =
    "Zhao et al., PyTorch FSDP (arXiv 2304.11277), sections 3.2 and 3.3";

/// "none": none.
std::vector<std::string> names_in(const std::string& list) {
  std::vector<std::string> names;
  if (list == "none") return names;
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::size_t first = list.find_first_not_of(' ', begin);
    const std::size_t last = list.find_last_not_of(' ', end - 1);
    if (first < end && last >= first) names.push_back(list.substr(first, last - first + 1));
    begin = end + 1;
  }
  return names;
}

}  // namespace

bool is_free(const Phase& phase, const Job& job) {
  const std::vector<std::string> free = names_in(job.free_phases);
  return std::find(free.begin(), free.end(), phase.name) != free.end();
}

void check_free_phases(const Job& job) {
  std::vector<std::string> known;
  for (const Phase& phase : phases()) known.emplace_back(phase.name);
  for (const std::string& name : names_in(job.free_phases))
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw InputError(fmt::format("job.free_phases = {} (there is no phase {}) choose among {}",
                                   job.free_phases, name, fmt::join(known, ", ")));
}

std::string_view name_of(ParallelGroup group) {
  constexpr std::string_view names[] = {"data",     "tensor", "context",       "expert",
                                        "pipeline", "shard",  "across shards", "expert data"};
  return names[static_cast<std::size_t>(group)];
}

bool spans_replicas(ParallelGroup group) {
  switch (group) {
    case ParallelGroup::data:
    case ParallelGroup::shard:
    case ParallelGroup::across_shards:
    case ParallelGroup::expert_data:
      return true;
    case ParallelGroup::tensor:
    case ParallelGroup::context:
    case ParallelGroup::expert:
    case ParallelGroup::pipeline:
      break;
  }
  return false;
}

GroupShape shape_of(ParallelGroup group, const Job& job, std::int64_t replicas) {
  const std::int64_t copy = job.model_parallel(), shard = job.shard_replicas(replicas);
  switch (group) {
    case ParallelGroup::tensor:
      return {job.tensor, 1};
    case ParallelGroup::pipeline:
      return {job.pipeline, job.tensor};
    case ParallelGroup::context:
      return {job.context, copy};
    case ParallelGroup::expert:
      return {job.expert, copy};
    case ParallelGroup::shard:
      return {shard, copy};
    case ParallelGroup::across_shards:
      return {replicas / shard, copy * shard};
    case ParallelGroup::expert_data:
      return {replicas / job.expert, copy * job.expert};
    case ParallelGroup::data:
      break;
  }
  return {replicas, copy};
}

std::span<const Phase> phases() {
  static constexpr Phase rows[] = {
      {.name = "tensor_gather",
       .number = 1,
       .operation = Operation::all_gather,
       .group = ParallelGroup::tensor,
       .window = Window::layer,
       .runs = has_tensor,
       .bytes = activations,
       .calls = [](J job, double) { return 2 * passes(job); },
       .exposed = [](J job) { return job.tensor_exposed.value_or(1); },
       .source = megatron_tensor},
      {.name = "tensor_scatter",
       .number = 2,
       .operation = Operation::reduce_scatter,
       .group = ParallelGroup::tensor,
       .window = Window::layer,
       .runs = has_tensor,
       .bytes = activations,
       .calls = [](J job, double) { return 2 * passes(job); },
       .exposed = [](J job) { return job.tensor_exposed.value_or(1); },
       .source = megatron_tensor},
      {.name = "context",
       .number = 3,
       .operation = Operation::all_gather,
       .group = ParallelGroup::context,
       .window = Window::layer,
       .runs = has_context,
       .bytes =
           [](J job) {
             return 2 * activations(job) * static_cast<double>(job.context) * job.model.kv_heads /
                    job.model.heads / static_cast<double>(job.tensor);
           },
       .calls = [](J job, double) { return passes(job) + 1; },
       .exposed =
           [](J job) {
             const bool waits = job.context_method == ContextMethod::all_gather;
             return job.context_exposed.value_or(waits ? 1 : 0);
           },
       .behind = [](J) { return Behind::attention; },
       .source = "keys and values of all other ranks, twice in the backward pass: Llama 3 (arXiv "
                 "2407.21783), section 3.3.2; Liu et al., Ring Attention (arXiv 2310.01889), "
                 "section 3; Megatron-LM, context parallelism"},
      {.name = "dispatch",
       .number = 4,
       .operation = Operation::all_to_all,
       .group = ParallelGroup::expert,
       .window = Window::layer,
       .runs = speaks_to_experts,
       .bytes = [](J job) { return routed(job, job.dispatch_precision); },
       .calls = [](J job, double) { return passes(job) * expert_layers(job); },
       .exposed = [](J job) { return experts_exposed(job); },
       .behind = [](J) { return Behind::both_passes; },
       .source = deepseek},
      {.name = "combine",
       .number = 5,
       .operation = Operation::all_to_all,
       .group = ParallelGroup::expert,
       .window = Window::layer,
       .runs = speaks_to_experts,
       .bytes = [](J job) { return routed(job, job.combine_precision); },
       .calls = [](J job, double) { return passes(job) * expert_layers(job); },
       .exposed = [](J job) { return experts_exposed(job); },
       .behind = [](J) { return Behind::both_passes; },
       .source = deepseek},
      {.name = "weights_forward",
       .number = 6,
       .operation = Operation::all_gather,
       .group = ParallelGroup::shard,
       .window = Window::layer,
       .runs = is_sharded,
       .bytes = weights_of_a_layer,
       .behind = [](J) { return Behind::forward; },
       .is_bare_at_end = true,
       .source = sharded},
      {.name = "weights_backward",
       .number = 7,
       .operation = Operation::all_gather,
       .group = ParallelGroup::shard,
       .window = Window::layer,
       .runs = is_sharded,
       .bytes = weights_of_a_layer,
       .behind = [](J) { return Behind::backward; },
       .source = sharded},
      {.name = "gradients_backward",
       .number = 8,
       .operation = Operation::reduce_scatter,
       .group = ParallelGroup::shard,
       .window = Window::layer,
       .runs = is_sharded,
       .bytes = [](J job) { return of_a_layer(job, gradients(job) + expert_gradients(job)); },
       .behind = [](J) { return Behind::backward; },
       .is_bare_at_end = true,
       .source = sharded},
      {.name = "gradients_rounds",
       .number = 16,
       .operation = Operation::reduce_scatter,
       .window = Window::layer,
       .runs = shards_gradients,
       .bytes = [](J job) { return of_a_layer(job, gradients(job)); },
       .calls = earlier_rounds,
       .behind = [](J) { return Behind::backward; },
       .source = rounds},
      {.name = "expert_gradients_rounds",
       .number = 17,
       .operation = Operation::reduce_scatter,
       .group = ParallelGroup::expert_data,
       .window = Window::layer,
       .runs = [](J job) { return shards_gradients(job) && has_experts(job); },
       .bytes = [](J job) { return of_a_layer(job, expert_gradients(job)); },
       .calls = earlier_rounds,
       .behind = [](J) { return Behind::backward; },
       .source = rounds},
      {.name = "pipeline",
       .number = 9,
       .operation = Operation::send,
       .group = ParallelGroup::pipeline,
       .window = Window::boundary,
       .runs = [](J job) { return job.pipeline > 1; },
       .bytes = [](J job) { return activations(job) / static_cast<double>(job.tensor); },
       .calls = [](J, double) { return 2.0; },
       .source = "activations forward, their gradients back, each tensor rank its share: Narayanan "
                 "et al. (arXiv 2104.04473), sections 2.2 and 4.1"},
      {.name = "parameters",
       .number = 10,
       .operation = Operation::all_gather,
       .window = Window::first_forward,
       .runs = shards_optimizer,
       .bytes = parameters,
       .source = zero},
      {.name = "expert_parameters",
       .number = 11,
       .operation = Operation::all_gather,
       .group = ParallelGroup::expert_data,
       .window = Window::first_forward,
       .runs = [](J job) { return shards_optimizer(job) && has_experts(job); },
       .bytes = expert_parameters,
       .source = zero},
      {.name = "gradients",
       .number = 12,
       .operation = Operation::reduce_scatter,
       .runs = shards_optimizer,
       .bytes = gradients,
       .source = zero},
      {.name = "expert_gradients",
       .number = 13,
       .operation = Operation::reduce_scatter,
       .group = ParallelGroup::expert_data,
       .runs = [](J job) { return shards_optimizer(job) && has_experts(job); },
       .bytes = expert_gradients,
       .source = zero},
      {.name = "gradients_summed",
       .number = 0,
       .operation = Operation::all_reduce,
       .runs = is_replicated,
       .bytes = gradients,
       .source = "data-parallel all-reduce behind the backward pass: Li et al., PyTorch "
                 "Distributed (VLDB 2020), section 3.2"},
      {.name = "expert_gradients_summed",
       .number = 14,
       .operation = Operation::all_reduce,
       .group = ParallelGroup::expert_data,
       .runs = [](J job) { return is_replicated(job) && has_experts(job); },
       .bytes = expert_gradients,
       .source = "as those of the layers that all replicas share"},
      {.name = "gradients_across",
       .number = 15,
       .operation = Operation::all_reduce,
       .group = ParallelGroup::across_shards,
       .runs = [](J job) { return job.data_parallel == Sharding::hsdp; },
       .bytes =
           [](J job) {
             return (gradients(job) + expert_gradients(job)) /
                    static_cast<double>(*job.shard_group);
           },
       .source = sharded},
  };
  return rows;
}

}  // namespace lockstep
