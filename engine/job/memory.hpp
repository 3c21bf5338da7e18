#pragma once

#include <cstdint>

#include "engine/job/job.hpp"
#include "engine/machine/chip.hpp"

namespace lockstep {

/// What training holds in the memory of one chip [B]; buffers of communication, fragments and the
/// framework's own are left out.
struct MemoryUse {
  double weights = 0;      ///< 2 bytes a parameter, with fsdp and hsdp its shard and a whole layer
  double gradients = 0;    ///< at job.gradient_precision, with zero2 a shard and two whole chunks
  double optimizer = 0;    ///< 12 bytes a parameter: FP32 weight and two moments of Adam
  double activations = 0;  ///< of all microbatches that wait for their backward pass

  double total() const { return weights + gradients + optimizer + activations; }
};

/// Of a chip of a stage, from 0, in a job of so many replicas whose fullest has so many
/// microbatches. Sharding: Rajbhandari et al., ZeRO (arXiv 1910.02054), section 3.1 and stages 1
/// to 3; experts are shared by the replicas of an expert-parallel group first. Activations:
/// Korthikanti et al. (arXiv 2205.05198), sections 4 and 5, with sequence parallelism, for any
/// width of the feed-forward block, and attention kernels that keep no scores (Dao et al.,
/// FlashAttention, arXiv 2205.14135) and no dropout, so that selective recomputation saves nothing
/// more; full keeps the inputs of layers and one whole layer.
MemoryUse memory_use(const Job& job, std::int64_t stage, std::int64_t replicas,
                     double microbatches);

/// Of a chip of the stage that holds the most.
MemoryUse most_memory(const Job& job, std::int64_t replicas, double microbatches);

/// Chunks of a stage, `virtual_stages` of them, whose activations a chip of it holds at most:
/// 1F1B p - s; interleaved 2 (p - s - 1) + (V - 1) p + 1 (Narayanan et al., arXiv 2104.04473,
/// section 2.2), dual p + 1 (DualPipe's README); in chunks of 1/V of a stage with `interleaved`.
double chunks_in_flight(const Job& job, std::int64_t stage, double microbatches);

/// Time of the optimizer on the fullest stage, whose state `shards` replicas share (1: none): bytes
/// through the chip's memory [s].
double optimizer_time(const Job& job, const Chip& chip, double shards);

}  // namespace lockstep
