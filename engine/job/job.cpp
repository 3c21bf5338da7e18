#include "engine/job/job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"
#include "engine/job/job_rows.hpp"

namespace lockstep {
namespace {

void refuse_contradictions(const Values& values) {
  const bool per_batch = values.has("job.tokens_per_batch"),
             per_chip = values.has("job.tokens_per_chip");
  if (per_batch && per_chip)
    throw InputError(
        "job.tokens_per_chip and job.tokens_per_batch are both given (they say the "
        "same thing differently) keep one");
  if (values.has("job.compute_time") && (per_batch || per_chip))
    throw InputError(
        "job.compute_time and a number of tokens are both given (each sets a step's "
        "compute) keep one");
}

const std::vector<Field<Job>>& batch_fields() {
  static const std::vector<Field<Job>> fields{
      {&Job::tokens_per_chip,
       {.key = "job.tokens_per_chip",
        .number = 34,
        .minimum_is_legal = false,
        .shapes_arrays = true,
        .summary =
            "tokens a step for every chip in the job (the batch grows with the fleet), rounded "
            "down to whole microbatches; where neither it, nor tokens_per_batch, nor "
            "compute_time is given: 1024, or one microbatch a replica where that is more",
        .source = "16.8 M tokens over 16,384 chips: Llama 3 405B (arXiv 2407.21783), Table 4"}},
      {&Job::tokens_per_batch,
       {.key = "job.tokens_per_batch",
        .number = 35,
        .minimum_is_legal = false,
        .shapes_arrays = true,
        .summary = "tokens a step in all (a fixed batch, rounded down to whole microbatches), in "
                   "place of tokens_per_chip",
        .source = "no default"}},
      {&Job::microbatch_sequences,
       {.key = "job.microbatch_sequences",
        .number = 39,
        .type = ValueType::count,
        .default_text = "1",
        .minimum = 1,
        .summary = "sequences of one microbatch, the unit in which replicas share the batch",
        .source = "Llama 3 405B (arXiv 2407.21783), Table 4"}},
      {&Job::kernel_efficiency,
       {.key = "job.kernel_efficiency",
        .number = 40,
        .default_text = "0.55",
        .maximum = 1,
        .minimum_is_legal = false,
        .summary =
            "share of the peak that the kernels reach, before bubble, waiting, communication",
        .source = "calibrated on Llama 3 405B at 8,192 H100, 430 TFLOP/s a chip (arXiv 2407.21783, "
                  "Table 4); range 0.4-0.73: 0.73 is the best large BF16 matmul measured on H100"}},
      {&Job::attention_efficiency,
       {.key = "job.attention_efficiency",
        .number = 240,
        .maximum = 1,
        .minimum_is_legal = false,
        .summary = "share of the BF16 peak that attention's kernels reach; default: "
                   "kernel_efficiency",
        .source = "range 0.37-0.66: on H100, heads of 128, 16k tokens, forward, FlashAttention-2 "
                  "reaches 370, cuDNN 595, FlashAttention-3 648 TFLOP/s (arXiv 2407.08608, "
                  "Figure 5)"}},
      {{&Job::compute_precision, {Precision::bf16, Precision::fp8}},
       {.key = "job.compute_precision",
        .number = 49,
        .type = ValueType::choice,
        .default_text = "bf16",
        .words = {"bf16", "fp8"},
        .shapes_arrays = true,
        .summary = "of the matrix products: whose peak kernels reach their share of, and MFU is "
                   "taken of; give kernel_efficiency for fp8, of which kernels reach less",
        .source = "Llama 3 405B (arXiv 2407.21783); FP8 makes steps 1.2-1.5 times faster, not 2 "
                  "(Megatron Bridge, performance guide)"}},
      {&Job::compute_time,
       {.key = "job.compute_time",
        .number = 45,
        .dimension = Dimension::time,
        .summary = "a step's compute on the first generation listed, before bubble and noise, in "
                   "place of tokens; others scale by nominal speed; mfu is then absent; a "
                   "replica has max(1, round(1024 x tensor x pipeline / "
                   "sequence_length / microbatch_sequences)) microbatches (on average, where "
                   "work_share is proportional)",
        .source = "no default"}},
  };
  return fields;
}

/// Plans that no framework accepts, named.
void refuse_impossible(const Job& job) {
  const Model& model = job.model;
  const auto refuse = [](const std::string& text) { throw InputError(text); };
  if (job.expert > 1 && model.experts == 0)
    refuse(
        fmt::format("job.expert = {} (the model has no experts) give job.experts, or leave it out",
                    job.expert));
  if (job.expert > 1 && std::fmod(model.experts, static_cast<double>(job.expert)) != 0)
    refuse(fmt::format("job.expert = {} (it does not divide job.experts = {:.0f}) choose a divisor",
                       job.expert, model.experts));
  if (job.expert > 1 && job.expert % job.context != 0)
    refuse(fmt::format(
        "job.expert = {} (it holds no whole groups of job.context = {}) make it a multiple",
        job.expert, job.context));
  const double chunks = 2 * static_cast<double>(job.context);
  if (job.context > 1 && std::fmod(model.sequence_length, chunks) != 0)
    refuse(
        fmt::format("job.context = {} (job.sequence_length = {:.0f} is not cut into {:.0f} equal "
                    "chunks, two a replica) choose a divisor of half the length",
                    job.context, model.sequence_length, chunks));
  if (job.shard_group && !job.shards_weights())
    refuse(fmt::format(
        "job.shard_group = {} (job.data_parallel is neither fsdp nor hsdp) leave it out",
        *job.shard_group));
  if ((job.shards_weights() || job.data_parallel == Sharding::zero2) && job.sync_every > 1)
    refuse(fmt::format(
        "job.sync_every = {} (replicas that share weights or gradients speak in every layer) leave "
        "it out, or take another job.data_parallel",
        job.sync_every));
  if (!job.shard_group && job.data_parallel == Sharding::hsdp)
    refuse("job.data_parallel = hsdp (over how many replicas?) give job.shard_group");
}

}  // namespace

double Job::microbatches_of(double tokens) const {
  return std::floor(std::floor(tokens / model.sequence_length + 0.5) / microbatch_sequences);
}

std::span<const Parameter> job_parameters() {
  static const std::vector<Parameter> rows = [] {
    std::vector<Parameter> all = rows_of(model_fields());
    for (const auto* fields : {&batch_fields(), &plan_fields(), &communication_fields()})
      for (const Field<Job>& field : *fields) all.push_back(field.row);
    return all;
  }();
  return rows;
}

Job job_from(const Values& values) {
  refuse_contradictions(values);
  Job job;
  job.model = model_from(values);
  for (const auto* fields : {&batch_fields(), &plan_fields(), &communication_fields()})
    for (const Field<Job>& field : *fields) field.read(job, values, field.row);
  refuse_impossible(job);
  if (!job.tokens_per_batch && !job.tokens_per_chip)
    job.tokens_per_chip = std::max(
        1024.0, job.microbatch_sequences * job.model.sequence_length /
                    (static_cast<double>(job.model_parallel()) * static_cast<double>(job.context)));
  return job;
}

}  // namespace lockstep
