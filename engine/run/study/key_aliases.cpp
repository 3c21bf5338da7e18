#include "engine/run/study/key_hints.hpp"

namespace lockstep {

namespace {

constexpr std::string_view left_over =
    "data parallelism is what tensor and pipeline leave: chips / (job.tensor x job.pipeline); "
    "remove "
    "the line";
constexpr std::string_view count_chips =
    "fleet.chips counts chips, those of all nodes; write for example fleet.chips = H100:1024";
constexpr std::string_view batch_in_tokens =
    "job.tokens_per_batch counts tokens: sequences x job.sequence_length";
constexpr std::string_view which_latency =
    "a hop of a torus takes fabric.link_latency, any other fabric.hop_latency with "
    "fabric.hop_bandwidth";
constexpr std::string_view which_bandwidth =
    "a chip's NIC is injection_bandwidth under [chip.NAME], its NVLink scale_up_bandwidth";
constexpr std::string_view which_jitter =
    "see noise.step_jitter (compute) and noise.hop_jitter (messages)";
constexpr std::string_view is_result =
    "MFU is a result; job.kernel_efficiency is the kernels' share";

// In the order of the sections of a study.
constexpr KeyAlias table[] = {
    {"n_trials", "sampling.trials"},
    {"num_trials", "sampling.trials"},
    {"runs", "sampling.trials"},
    {"samples", "sampling.trials"},
    {"repetitions", "sampling.trials"},
    {"n_steps", "sampling.steps"},
    {"num_steps", "sampling.steps"},
    {"iterations", "sampling.steps"},
    {"random_seed", "sampling.seed"},
    {"rng_seed", "sampling.seed"},
    {"warmup", "sampling.warmup_steps"},
    {"gpus", "fleet.chips"},
    {"num_gpus", "fleet.chips"},
    {"n_gpus", "fleet.chips"},
    {"accelerators", "fleet.chips"},
    {"devices", "fleet.chips"},
    {"world_size", "fleet.chips"},
    {"nodes", "", count_chips},
    {"num_nodes", "", count_chips},
    {"hosts", "", count_chips},
    {"servers", "", count_chips},
    {"parameters", "job.model_parameters"},
    {"params", "job.model_parameters"},
    {"n_params", "job.model_parameters"},
    {"num_parameters", "job.model_parameters"},
    {"model_params", "job.model_parameters"},
    {"model_size", "job.model_parameters"},
    {"n_layers", "job.layers"},
    {"num_layers", "job.layers"},
    {"hidden_size", "job.hidden"},
    {"hidden_dim", "job.hidden"},
    {"d_model", "job.hidden"},
    {"ffn_hidden_size", "job.feed_forward"},
    {"intermediate_size", "job.feed_forward"},
    {"d_ff", "job.feed_forward"},
    {"num_attention_heads", "job.heads"},
    {"n_heads", "job.heads"},
    {"num_key_value_heads", "job.kv_heads"},
    {"num_query_groups", "job.kv_heads"},
    {"vocab_size", "job.vocabulary"},
    {"num_experts", "job.experts"},
    {"n_routed_experts", "job.experts"},
    {"moe_router_topk", "job.top_k"},
    {"num_experts_per_tok", "job.top_k"},
    {"moe_intermediate_size", "job.expert_hidden"},
    {"moe_ffn_hidden_size", "job.expert_hidden"},
    {"n_shared_experts", "job.shared_experts"},
    {"seq_len", "job.sequence_length"},
    {"seq_length", "job.sequence_length"},
    {"context_length", "job.sequence_length"},
    {"max_seq_len", "job.sequence_length"},
    {"batch_tokens", "job.tokens_per_batch"},
    {"tokens_per_step", "job.tokens_per_batch"},
    {"batch", "", batch_in_tokens},
    {"batch_size", "", batch_in_tokens},
    {"global_batch", "", batch_in_tokens},
    {"global_batch_size", "", batch_in_tokens},
    {"tp", "job.tensor"},
    {"tp_size", "job.tensor"},
    {"tensor_parallel", "job.tensor"},
    {"tensor_parallelism", "job.tensor"},
    {"tensor_parallel_size", "job.tensor"},
    {"tensor_model_parallel_size", "job.tensor"},
    {"pp", "job.pipeline"},
    {"pp_size", "job.pipeline"},
    {"pipeline_parallel", "job.pipeline"},
    {"pipeline_parallelism", "job.pipeline"},
    {"pipeline_parallel_size", "job.pipeline"},
    {"pipeline_model_parallel_size", "job.pipeline"},
    {"pipeline_stages", "job.pipeline"},
    {"cp", "job.context"},
    {"context_parallel_size", "job.context"},
    {"ep", "job.expert"},
    {"expert_parallel_size", "job.expert"},
    {"expert_model_parallel_size", "job.expert"},
    {"dp", "", left_over},
    {"data", "", left_over},
    {"data_parallelism", "", left_over},
    {"data_parallel_size", "", left_over},
    {"replicas", "", left_over},
    {"vpp", "job.virtual_stages"},
    {"virtual_pipeline_stages", "job.virtual_stages"},
    {"micro_batch_size", "job.microbatch_sequences"},
    {"microbatch_size", "job.microbatch_sequences"},
    {"mbs", "job.microbatch_sequences"},
    {"efficiency", "job.kernel_efficiency"},
    {"mfu", "", is_result},
    {"grad_precision", "job.gradient_precision"},
    {"grad_dtype", "job.gradient_precision"},
    {"grad_clip", "job.gradient_clipping"},
    {"type", "topology.kind"},
    {"topology", "topology.kind"},
    {"network", "topology.kind"},
    {"latency", "", which_latency},
    {"bandwidth", "", which_bandwidth},
    {"network_bandwidth", "", which_bandwidth},
    {"oversubscription", "fabric.spine_oversubscription"},
    {"jitter", "", which_jitter},
    {"stragglers", "noise.straggler_fraction"},
    {"straggler_rate", "noise.straggler_fraction"},
    {"straggler_probability", "noise.straggler_fraction"},
    {"straggler_factor", "noise.straggler_slowdown"},
    {"duration", "reliability.horizon"},
    {"failure_rate", "reliability.node_failure_rate"},
    {"failures", "reliability.node_failure_rate"},
    {"mtbf", "reliability.node_failure_rate"},
    {"mttf", "reliability.node_failure_rate"},
    {"node_mtbf", "reliability.node_failure_rate"},
    {"node_mttf", "reliability.node_failure_rate"},
    {"mttr", "reliability.repair_time"},
    {"recovery_time", "reliability.restart_time"},
    {"checkpoint_period", "reliability.checkpoint_interval"},
    {"checkpoint_every", "reliability.checkpoint_interval"},
    {"checkpoint_time", "reliability.checkpoint_write_time"},
    {"checkpoint_duration", "reliability.checkpoint_write_time"},
    {"checkpoint_cost", "reliability.checkpoint_write_time"},
    {"spare_nodes", "reliability.spares"},
    {"num_spares", "reliability.spares"},
    {"hot_spares", "reliability.spares"},
    {"flops", "chip.*.peak"},
    {"tflops", "chip.*.peak"},
    {"peak_flops", "chip.*.peak"},
    {"peak_tflops", "chip.*.peak"},
    {"memory", "chip.*.hbm"},
    {"hbm_capacity", "chip.*.hbm"},
    {"memory_bandwidth", "chip.*.hbm_bandwidth"},
    {"power", "chip.*.tdp"},
    {"nic", "chip.*.injection_bandwidth"},
    {"nic_bandwidth", "chip.*.injection_bandwidth"},
    {"nvlink", "chip.*.scale_up_bandwidth"},
    {"nvlink_bandwidth", "chip.*.scale_up_bandwidth"},
    {"nvlink_domain", "chip.*.scale_up_domain"},
    {"chips_per_node", "chip.*.node"},
    {"gpus_per_node", "chip.*.node"},
};

}  // namespace

std::span<const KeyAlias> key_aliases() {
  return table;
}

}  // namespace lockstep
