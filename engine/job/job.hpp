#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "engine/base/parameter.hpp"

namespace lockstep {

enum class WorkShare { equal, proportional };
enum class Precision { bf16, fp8 };

/// The training job as the study describes it.
struct Job {
  double model_parameters = 0;
  double layers = 0, hidden = 0;
  double sequence_length = 0;              ///< tokens
  std::optional<double> tokens_per_batch;  ///< fixed batch
  std::optional<double> tokens_per_chip;   ///< batch grows with the chips in the job
  std::optional<double> compute_time;      ///< of a step on the first generation [s]
  std::optional<double> gradient_bytes;    ///< of one model copy [B]
  std::int64_t tensor = 0, pipeline = 0;
  std::int64_t virtual_stages = 0;  ///< chunks of a pipeline stage
  double microbatch_sequences = 0;
  double kernel_efficiency = 0;
  Precision compute_precision = {};  ///< of the matrix products: whose peak counts
  double overlap = 0;
  double gradient_precision = 0;  ///< bytes per parameter
  bool gradient_clipping = false;
  std::int64_t sync_every = 0;  ///< steps from one data-parallel synchronization to the next
  WorkShare work_share = {};
  std::optional<double> synchronizations;  ///< tensor-parallel ones a step and stage

  /// Microbatches of `tokens`, rounded down.
  double microbatches_of(double tokens) const;
  std::int64_t model_parallel() const { return tensor * pipeline; }
  /// Whether a step, counted from 0 with warm-up, ends with the replicas' all-reduce.
  bool synchronizes(std::int64_t step) const { return (step + 1) % sync_every == 0; }
  /// Model FLOPs of one token, forward and backward: 6 P + 12 layers hidden sequence_length.
  /// Source: Chowdhery et al., PaLM (arXiv 2204.02311), appendix B.
  double flops_per_token() const;
  /// Gradient buffer of one chip, what its data-parallel group all-reduces [B].
  double gradient_bytes_per_chip() const;
  /// Weights, gradients and optimizer state of one chip [B], without activations: 2 bytes of
  /// weights, gradients at their precision, 12 bytes of Adam state sharded over the replicas
  /// (Rajbhandari et al., ZeRO, arXiv 1910.02054, section 3.1 and stage 1).
  double memory_per_chip(std::int64_t replicas) const;
  bool operator==(const Job&) const = default;
};

std::span<const Parameter> job_parameters();

/// Reads the job. Throws InputError where keys contradict each other (tokens per chip and per
/// batch; compute_time and tokens; more stages than the model has layers for).
Job job_from(const Values& values);

}  // namespace lockstep
