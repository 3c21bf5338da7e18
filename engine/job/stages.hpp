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

/// Time of a FLOP of attention, and of one of the head, over that of the other products.
struct FlopPace {
  double attention = 1, head = 1;
};

/// `wide`: the peak that counts over that of BF16, in which an FP8 job computes attention and the
/// head still (NVIDIA, Transformer Engine user guide: FP8 linear layers alone; Llama 3's recipes).
/// Attention's kernels reach job.attention_efficiency of that.
FlopPace flop_pace(const Job& job, double wide = 1);

/// FLOPs of a token that all stages compute, recomputation included, which the head needs none of;
/// those of attention and the head count as `pace` says.
double computed_flops_per_token(const Job& job, const FlopPace& pace = {});
/// Share of the time of these that attention takes.
double attention_share(const Job& job);

/// (pipeline) share of each stage's compute that is routed experts'.
std::vector<double> expert_shares(const Job& job);

/// (pipeline) compute of a chip on each stage over the mean of stages: by layers, attention and the
/// head, or as job.stage_imbalance says; at `pace`. With the dual schedule a
/// chip has stages s and pipeline - 1 - s in turn, half of the microbatches each.
std::vector<double> stage_shares(const Job& job, const FlopPace& pace = {});

}  // namespace lockstep
