#pragma once

#include <vector>

#include "engine/job/job.hpp"

namespace lockstep {

/// What one pipeline stage holds of the model.
struct Stage {
  double dense_layers = 0, moe_layers = 0;
  double embedding = 0, head = 0;  ///< 1 where it has it
};

/// (pipeline) what each stage holds. Chunk j of pipeline x virtual_stages belongs to stage
/// j mod pipeline and follows chunk j - 1. Where layers + 2 are as many in every chunk, embedding
/// and head count as one each (Llama 3, arXiv 2407.21783, section 3.3.2); else chunks hold as even
/// numbers of layers as can be, the first ones one more.
std::vector<Stage> stages_of(const Job& job);

/// FLOPs that a token's layers cost over the model's, recomputation included: 1; 1.03 selective
/// (assumption, range 1.02-1.04); 4/3 full, one forward pass more (Korthikanti et al.,
/// arXiv 2205.05198, section 5).
double recompute_factor(Recompute recompute);

/// FLOPs of a token that all stages compute, recomputation included, which the head needs none of.
double computed_flops_per_token(const Job& job);
/// Of these, what FP8 jobs compute in BF16 still: attention and the head (NVIDIA, Transformer
/// Engine user guide: FP8 linear layers alone; Llama 3's recipes).
double wide_flops_per_token(const Job& job);

/// (pipeline) share of each stage's compute that is routed experts'.
std::vector<double> expert_shares(const Job& job);

/// (pipeline) compute of a chip on each stage over the mean of stages: by layers, attention and the
/// head, or as job.stage_imbalance says; wide FLOPs count `wide` times. With the dual schedule a
/// chip has stages s and pipeline - 1 - s in turn, half of the microbatches each.
std::vector<double> stage_shares(const Job& job, double wide = 1);

}  // namespace lockstep
