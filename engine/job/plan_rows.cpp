#include "engine/job/job_rows.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.hpp"

namespace lockstep {
namespace {

/// Virtual stages that a model's layers can fill, embedding and head counted as one each. Throws
/// InputError where there are more stages than layers, or more virtual ones than that.
void read_virtual_stages(Job& job, const Values& values) {
  constexpr std::int64_t most_by_default = 8, ends = 2;
  const std::int64_t layers = values.count("job.layers"), pipeline = values.count("job.pipeline");
  const std::int64_t most =
      pipeline == 1 ? std::max<std::int64_t>(1, layers) : (layers + ends) / pipeline;
  if (most < 1)
    throw InputError(fmt::format(
        "job.pipeline = {} (the model has {} layers, embedding and head make {}: a stage would be "
        "empty) lower job.pipeline or raise job.layers",
        pipeline, layers, layers + ends));
  const auto given = values.optional_count("job.virtual_stages");
  if (given && *given > most)
    throw InputError(fmt::format(
        "job.virtual_stages = {} (job.pipeline = {} stages of {} layers with embedding and head "
        "have at most {} of one layer) lower it, or leave it out",
        *given, pipeline, layers, most));
  const std::string& schedule = values.text("job.schedule");
  if (schedule != "interleaved" && given && *given > 1)
    throw InputError(fmt::format(
        "job.virtual_stages = {} (job.schedule = {} has one a stage) leave it out, or take "
        "job.schedule = interleaved",
        *given, schedule));
  if (schedule == "dual" && pipeline > 1 && pipeline % 2 != 0)
    throw InputError(fmt::format(
        "job.pipeline = {} (job.schedule = dual pairs stages from both ends) make it even",
        pipeline));
  const bool has_chunks = schedule == "interleaved" && pipeline > 1;
  job.virtual_stages = has_chunks ? given.value_or(std::min(most_by_default, most)) : 1;
}

}  // namespace

const std::vector<Field<Job>>& plan_fields() {
  static const std::vector<Field<Job>> fields{
      {&Job::tensor,
       {.key = "job.tensor",
        .number = 36,
        .type = ValueType::count,
        .default_text = "1",
        .minimum = 1,
        .maximum = 16777216,
        .shapes_arrays = true,
        .summary = "tensor-parallel chips of a model-parallel group",
        .source = "1: plain data parallelism"}},
      {&Job::pipeline,
       {.key = "job.pipeline",
        .number = 37,
        .type = ValueType::count,
        .default_text = "1",
        .minimum = 1,
        .maximum = 16777216,
        .shapes_arrays = true,
        .summary = "pipeline stages of a model-parallel group",
        .source = "1: plain data parallelism"}},
      {read_virtual_stages,
       {.key = "job.virtual_stages",
        .number = 38,
        .type = ValueType::count,
        .default_text = "auto",
        .minimum = 1,
        .words = {"auto"},
        .summary = "interleaved virtual stages a pipeline stage, at most (layers + 2) / pipeline, "
                   "embedding and head counting as a layer each; auto: that many, but 8 at most; a "
                   "replica of m microbatches takes max(m, pipeline) + (min(m, pipeline) - 1) / "
                   "virtual_stages of them where its stages are alike",
        .source = "schedule: Narayanan et al. (arXiv 2104.04473), section 2.2; 8: Llama 3 405B, "
                  "126 layers in 16 stages, takes its Table 4 from 430 to 398 TFLOP/s a chip where "
                  "400 was published, 4 to 382 (derived)"}},
      {&Job::context,
       {.key = "job.context",
        .number = 215,
        .type = ValueType::count,
        .default_text = "1",
        .minimum = 1,
        .maximum = 16777216,
        .shapes_arrays = true,
        .summary = "context-parallel replicas: neighbours that share each sequence, in 2 x context "
                   "chunks so that a causal mask leaves all the same work",
        .source = "1: off; chunks: Llama 3 (arXiv 2407.21783), section 3.3.2"}},
      {&Job::expert,
       {.key = "job.expert",
        .number = 216,
        .type = ValueType::count,
        .default_text = "1",
        .minimum = 1,
        .maximum = 16777216,
        .shapes_arrays = true,
        .needs = {"job.experts"},
        .summary = "expert-parallel replicas: neighbours that share the experts of a layer; holds "
                   "whole context-parallel groups",
        .source = "1: every replica has all experts"}},
      {{&Job::data_parallel,
        {Sharding::all_reduce, Sharding::distributed_optimizer, Sharding::zero2, Sharding::fsdp,
         Sharding::hsdp}},
       {.key = "job.data_parallel",
        .number = 217,
        .type = ValueType::choice,
        .default_text = "distributed_optimizer",
        .words = {"all_reduce", "distributed_optimizer", "zero2", "fsdp", "hsdp"},
        .shapes_arrays = true,
        .summary =
            "what replicas share: nothing; the optimizer's state (ZeRO-1); gradients, too (zero2), "
            "reduced when a chunk has gone back for a group of microbatches, without virtual "
            "stages after each microbatch; weights, too, over all (fsdp); the same in groups of "
            "shard_group that hold copies (hsdp)",
        .source = "distributed_optimizer: Megatron-LM's recipes for H100 of 2024-25; zero2: Llama "
                  "3 405B, which does not reshard weights after the forward pass (arXiv "
                  "2407.21783, section 3.3.2)"}},
      {&Job::shard_group,
       {.key = "job.shard_group",
        .number = 218,
        .type = ValueType::count,
        .default_text = "auto",
        .minimum = 1,
        .maximum = 16777216,
        .words = {"auto"},
        .shapes_arrays = true,
        .summary =
            "replicas over which hsdp shards, neighbours; auto: all, as fsdp does; hsdp needs a "
            "number",
        .source = "Zhao et al., PyTorch FSDP (VLDB 2023), section 3.2"}},
      {{&Job::schedule, {Schedule::interleaved, Schedule::zero_bubble, Schedule::dual}},
       {.key = "job.schedule",
        .number = 219,
        .type = ValueType::choice,
        .default_text = "interleaved",
        .words = {"interleaved", "zero_bubble", "dual"},
        .shapes_arrays = true,
        .needs = {"job.pipeline"},
        .summary =
            "order of microbatches in a pipeline: interleaved 1F1B; zero bubble (ZB-H1), which "
            "puts off weights' gradients; dual, microbatches from both ends (DualPipe)",
        .source = "interleaved: Megatron-LM, Llama 3; Qi et al. (arXiv 2401.10241); DeepSeek-V3 "
                  "(arXiv 2412.19437), section 3.2.1"}},
      {{&Job::recompute, {Recompute::none, Recompute::selective, Recompute::full}},
       {.key = "job.recompute",
        .number = 220,
        .type = ValueType::choice,
        .default_text = "none",
        .words = {"none", "selective", "full"},
        .summary =
            "what the backward pass computes a second time to save memory: nothing; attention "
            "(+3 % time); every layer's forward pass (a third more); model FLOPs count none of it",
        .source = "none: Llama 3 405B (arXiv 2407.21783), section 3.3.2; Korthikanti et al. "
                  "(arXiv 2205.05198), section 5; 3 %: assumption, range 2-4 %"}},
      {&Job::stage_imbalance,
       {.key = "job.stage_imbalance",
        .number = 221,
        .default_text = "auto",
        .maximum = 1e6,
        .words = {"auto"},
        .needs = {"job.pipeline"},
        .summary =
            "time of the last stage beyond that of the others, as a share of theirs; auto: every "
            "stage by its layers, the last by the head, too",
        .source =
            "assumption, range 0-0.3; the head on the last stage: Llama 3 (arXiv 2407.21783), "
            "section 3.3.2"}},
      {{&Job::work_share, {WorkShare::equal, WorkShare::proportional, WorkShare::equal}},
       {.key = "job.work_share",
        .number = 42,
        .type = ValueType::choice,
        .default_text = "equal",
        .words = {"equal", "proportional", "isolated"},
        .shapes_arrays = true,
        .summary =
            "equal work for every replica, shares that equalize finish times, or isolated: one "
            "job per generation, each with its own batch and collective",
        .source = "equal: what today's frameworks do"}},
      {{&Job::gradient_clipping, {true, false}},
       {.key = "job.gradient_clipping",
        .number = 44,
        .type = ValueType::choice,
        .default_text = "on",
        .words = {"on", "off"},
        .shapes_arrays = true,
        .summary = "on: a scalar all-reduce over all chips ends each step, so all start the next "
                   "together; off: each rank starts when it has finished",
        .source = "global-norm clipping is common practice in large models"}},
      {&Job::synchronizations,
       {.key = "job.synchronizations",
        .number = 47,
        .minimum = 1,
        .summary = "tensor-parallel synchronizations a step and stage; default 4 a layer and "
                   "microbatch",
        .source = "Shoeybi et al., Megatron-LM (arXiv 1909.08053), section 3: two all-reduces "
                  "forward, two backward"}},
      {&Job::sync_every,
       {.key = "job.sync_every",
        .number = 48,
        .type = ValueType::count,
        .default_text = "1",
        .minimum = 1,
        .maximum = 16777216,
        .shapes_arrays = true,
        .summary = "steps from one data-parallel synchronization to the next, warm-up included "
                   "(local SGD); between them replicas neither all-reduce nor wait for each other, "
                   "and clipping is each replica's own",
        .source = "1: every step; more: Stich, Local SGD converges fast and communicates little "
                  "(ICLR 2019); DiLoCo (arXiv 2311.08105) takes 500"}},
  };
  return fields;
}

}  // namespace lockstep
