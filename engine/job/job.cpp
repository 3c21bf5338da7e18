#include "engine/job/job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"
#include "engine/base/field.hpp"

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
  job.virtual_stages = given.value_or(std::min(most_by_default, most));
}

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

const std::vector<Field<Job>>& job_fields() {
  constexpr std::string_view llama = "Llama 3 405B (arXiv 2407.21783), Table 3 and 4";
  static const std::vector<Field<Job>> fields{
      {&Job::model_parameters,
       {.key = "job.model_parameters",
        .number = 30,
        .default_text = "405e9",
        .minimum_is_legal = false,
        .summary = "parameters of the model",
        .source = llama}},
      {&Job::layers,
       {.key = "job.layers",
        .number = 31,
        .type = ValueType::count,
        .default_text = "126",
        .summary = "transformer layers, for attention FLOPs and tensor synchronizations",
        .source = llama}},
      {&Job::hidden,
       {.key = "job.hidden",
        .number = 32,
        .type = ValueType::count,
        .default_text = "16384",
        .summary = "model dimension, for attention FLOPs",
        .source = llama}},
      {&Job::sequence_length,
       {.key = "job.sequence_length",
        .number = 33,
        .type = ValueType::count,
        .default_text = "8192",
        .minimum = 1,
        .summary = "tokens of one sequence",
        .source = llama}},
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
                  "400 was published, 4 to 381 (derived)"}},
      {&Job::microbatch_sequences,
       {.key = "job.microbatch_sequences",
        .number = 39,
        .type = ValueType::count,
        .default_text = "1",
        .minimum = 1,
        .summary = "sequences of one microbatch, the unit in which replicas share the batch",
        .source = llama}},
      {&Job::kernel_efficiency,
       {.key = "job.kernel_efficiency",
        .number = 40,
        .default_text = "0.49",
        .maximum = 1,
        .minimum_is_legal = false,
        .summary =
            "share of the peak that the kernels reach, before bubble, waiting, communication",
        .source = "calibrated on Llama 3 405B at 8,192 H100, 430 TFLOP/s a chip (arXiv 2407.21783, "
                  "Table 4); range 0.4-0.73: 0.73 is the best large BF16 matmul measured on H100"}},
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
      {&Job::overlap,
       {.key = "job.overlap",
        .number = 41,
        .default_text = "0.8",
        .maximum = 1,
        .summary = "share of the last microbatch's backward pass that can hide the gradients' "
                   "all-reduce",
        .source = "assumption, range 0-1"}},
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
      {{&Job::gradient_precision, {4, 2, 1}},
       {.key = "job.gradient_precision",
        .number = 43,
        .type = ValueType::choice,
        .default_text = "fp32",
        .words = {"fp32", "bf16", "fp8"},
        .shapes_arrays = true,
        .summary = "number format in which gradients are reduced",
        .source = "Llama 3 405B reduces in FP32 (arXiv 2407.21783, section 3.3.2)"}},
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
      {&Job::gradient_bytes,
       {.key = "job.gradient_bytes",
        .number = 46,
        .dimension = Dimension::bytes,
        .summary = "gradient bytes of one model copy, in place of parameters x precision",
        .source = "no default"}},
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

}  // namespace

double Job::flops_per_token() const {
  return 6 * model_parameters + 12 * layers * hidden * sequence_length;
}

double Job::microbatches_of(double tokens) const {
  return std::floor(std::floor(tokens / sequence_length + 0.5) / microbatch_sequences);
}

double Job::gradient_bytes_per_chip() const {
  return gradient_bytes.value_or(model_parameters * gradient_precision) /
         static_cast<double>(model_parallel());
}

double Job::memory_per_chip(std::int64_t replicas) const {
  const double parameters = model_parameters / static_cast<double>(model_parallel());
  return parameters * (2 + gradient_precision + 12 / static_cast<double>(replicas));
}

std::span<const Parameter> job_parameters() {
  static const std::vector<Parameter> rows = rows_of(job_fields());
  return rows;
}

Job job_from(const Values& values) {
  refuse_contradictions(values);
  Job job = read_fields(job_fields(), values);
  if (!job.tokens_per_batch && !job.tokens_per_chip)
    job.tokens_per_chip = std::max(1024.0, job.microbatch_sequences * job.sequence_length /
                                               static_cast<double>(job.model_parallel()));
  return job;
}

}  // namespace lockstep
