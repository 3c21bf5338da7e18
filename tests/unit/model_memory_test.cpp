#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/job/memory.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::scenario_values;

Job job_of(std::string_view lines) {
  return job_from(scenario_values(lines));
}

constexpr double gigabyte = 1e9;

/// Weights, gradients and optimizer of 7.5e9 parameters over 64 replicas.
double state_of(std::string_view sharding, std::int64_t replicas = 64) {
  const MemoryUse use =
      memory_use(job_of(join("job.model_parameters=7.5e9\njob.layers=1000\njob.hidden=128\n"
                             "job.vocabulary=1\njob.gradient_precision=bf16",
                             sharding)),
                 0, replicas, 1);
  return (use.weights + use.gradients + use.optimizer) / gigabyte;
}

// Rajbhandari et al., ZeRO (arXiv 1910.02054), Figure 1: 120 GB, 31.4 GB with the optimizer
// sharded, 16.6 GB (16.64) with gradients, too, 1.9 GB with all of it, for 7.5e9 parameters over 64
// chips. A thousand layers, so that the one that is gathered weighs little.
TEST(Memory, IsThatOfZero) {
  EXPECT_NEAR(state_of("job.data_parallel=all_reduce"), 120, 0.05);
  EXPECT_NEAR(state_of("job.data_parallel=distributed_optimizer"), 31.4, 0.05);
  // Two whole layers of a thousand are 0.03 GB.
  EXPECT_NEAR(state_of("job.data_parallel=zero2"), 16.64 + 0.03, 0.005);
  EXPECT_NEAR(state_of("job.data_parallel=zero2", 1), 120, 0.05);
  EXPECT_NEAR(state_of("job.data_parallel=fsdp"), 1.9, 0.05);
  EXPECT_NEAR(state_of("job.data_parallel=hsdp\njob.shard_group=64", 1024), 1.9, 0.05);
  EXPECT_NEAR(state_of("job.data_parallel=fsdp", 1), 120, 0.05);
}

// Korthikanti et al. (arXiv 2205.05198): s b h L 34 / t with sequence parallelism and no scores,
// of which 2 are dropout masks; (1 + (p - 1) / (p V)) of it on the first stage where stages are
// interleaved; sizes of Table 3.
TEST(Memory, ActivationsAreThoseOfSequenceParallelism) {
  struct Published {
    int heads, hidden, layers, pipeline, chunks, sequences;
  };
  for (const auto& [heads, hidden, layers, pipeline, chunks, sequences] :
       {Published{64, 6144, 48, 1, 1, 4},
        {96, 12288, 96, 8, 3, 1},
        {128, 20480, 105, 35, 3, 1},
        {160, 25600, 128, 64, 1, 1}}) {
    const Job job = job_of(fmt::format(
        "job.heads={0}\njob.kv_heads={0}\njob.hidden={1}\njob.layers={2}\njob.feed_forward={3}\n"
        "job.gated=off\njob.tensor=8\njob.pipeline={4}\njob.virtual_stages={5}\n"
        "job.microbatch_sequences={6}\njob.sequence_length=2048\njob.vocabulary=51200",
        heads, hidden, layers, 4 * hidden, pipeline, chunks, sequences));
    const double whole = 2048.0 * sequences * hidden * layers / 8;
    const double first = chunks == 1 ? 1 : 1 + (pipeline - 1.0) / (pipeline * chunks);
    const double head = pipeline > 1 ? 0 : 2048.0 * sequences / 8 * (4 * hidden + 4 * 51200);
    EXPECT_NEAR(memory_use(job, 0, 8, 512).activations / (32 * whole * first + head), 1, 1e-12)
        << hidden;
    // Inputs of layers, and one layer.
    Job again = job;
    again.recompute = Recompute::full;
    EXPECT_NEAR(
        memory_use(again, 0, 8, 512).activations / (2 * whole * first + 32 * whole / layers + head),
        1, 1e-12)
        << hidden;
  }
}

/// The most forward passes without their backward pass, counted along a stage's own list.
double counted_in_flight(int p, int stage, int v, int m) {
  const int warm_up = std::min(v * m, v == 1 ? p - stage - 1 : 2 * (p - stage - 1) + (v - 1) * p);
  int held = 0, most = 0, forward = 0, backward = 0;
  while (backward < v * m) {
    const bool warm = forward < warm_up, steady = forward < v * m && forward - backward <= warm_up;
    if (warm || steady) {
      ++forward;
      most = std::max(most, ++held);
    } else {
      ++backward;
      --held;
    }
  }
  return most;
}

TEST(Memory, MicrobatchesInFlightAreCounted) {
  for (int p = 1; p <= 6; ++p)
    for (int v = 1; v <= 3; ++v)
      for (int m = 1; m <= 14; ++m)
        for (int s = 0; s < p; ++s) {
          const Job job =
              job_of(fmt::format("job.layers=36\njob.pipeline={}\njob.virtual_stages={}", p, v));
          // Without a pipeline there are no virtual stages.
          EXPECT_EQ(chunks_in_flight(job, s, m), counted_in_flight(p, s, p == 1 ? 1 : v, m))
              << p << " " << s << " " << v << " " << m;
        }
}

/// A plan that was run on H100, whose 80 GB are 80 GiB.
struct Plan {
  const char* name;
  std::string lines;
  std::int64_t replicas;
  double microbatches;
};

// NVIDIA's dgxc-benchmarking, releases of 2024-25, the fewest chips of each model: distributed
// optimizer, BF16 gradients, no recomputation.
TEST(Memory, PublishedPlansFit) {
  const std::string_view plain =
      "job.gated=off\njob.gradient_precision=bf16\njob.sequence_length=4096";
  const Plan plans[] = {
      {"GPT-3 175B",
       join(plain, "job.layers=96", "job.hidden=12288", "job.heads=96", "job.kv_heads=96",
            "job.feed_forward=49152", "job.vocabulary=51200", "job.sequence_length=2048",
            "job.tensor=4", "job.pipeline=8", "job.virtual_stages=12"),
       4, 64},
      {"Nemotron 15B",
       join(plain, "job.layers=32", "job.hidden=6144", "job.heads=48", "job.feed_forward=24576",
            "job.vocabulary=256000", "job.tensor=4", "job.microbatch_sequences=4"),
       4, 4},
      {"Nemotron 340B",
       join(plain, "job.layers=96", "job.hidden=18432", "job.heads=96", "job.feed_forward=73728",
            "job.vocabulary=256000", "job.tensor=8", "job.pipeline=8", "job.virtual_stages=12"),
       2, 16},
      {"Llama 3.1 405B",
       join("job.feed_forward=53248", "job.gradient_precision=bf16", "job.tensor=8",
            "job.pipeline=9", "job.context=2", "job.virtual_stages=7"),
       8, 63},
      {"Llama 3.1 70B",
       join("job.layers=80", "job.hidden=8192", "job.feed_forward=28672",
            "job.gradient_precision=bf16", "job.tensor=4", "job.pipeline=4", "job.context=2",
            "job.virtual_stages=5"),
       4, 64},
      {"Llama 3.1 8B",
       join("job.layers=32", "job.hidden=4096", "job.feed_forward=14336",
            "job.gradient_precision=bf16", "job.context=2"),
       8, 32},
  };
  for (const auto& [name, lines, replicas, microbatches] : plans) {
    const MemoryUse use = most_memory(job_of(lines), replicas, microbatches);
    EXPECT_LT(use.total(), 80 * 0x1p30) << name;
  }
}

// Llama 3 405B (arXiv 2407.21783, section 3.3.2): tensor 8 x pipeline 16, 8,192 tokens, 16
// sequences a replica, no recomputation, optimizer and gradients sharded in FP32, chips of 80 GB.
// Neither whole gradients fit, nor half the pipeline.
TEST(Memory, LlamaFitsWithShardedGradients) {
  const std::string_view lines = "job.feed_forward=53248\njob.tensor=8";
  const auto use = [&](std::string_view more, std::int64_t replicas) {
    return most_memory(job_of(join(lines, more)), replicas, 16).total();
  };
  EXPECT_LT(use("job.pipeline=16\njob.data_parallel=zero2", 128), 80 * gigabyte);
  EXPECT_GT(use("job.pipeline=16", 128), 80 * gigabyte);
  EXPECT_GT(use("job.pipeline=8\njob.data_parallel=zero2", 256), 80 * 0x1p30);
}

TEST(Memory, ContextRecomputationAndSharingSaveIt) {
  const std::string_view lines = "job.tensor=8\njob.pipeline=16\njob.experts=16\njob.top_k=2";
  const auto use = [&](std::string_view more) {
    return memory_use(job_of(join(lines, more)), 3, 64, 64);
  };
  const MemoryUse plain = use("");
  EXPECT_DOUBLE_EQ(use("job.context=4").activations, plain.activations / 4);
  EXPECT_LT(use("job.recompute=full").activations, 0.2 * plain.activations);
  EXPECT_EQ(use("job.recompute=selective").activations, plain.activations);
  // Sixteen experts of 8 layers over 16 chips: what is not theirs stays.
  const Model model = job_of(lines).model;
  EXPECT_NEAR(use("job.expert=16").weights, 2 * 8 * (model.common + model.expert) / 8, 1);
  // The optimizer's state is shared by all replicas either way.
  EXPECT_DOUBLE_EQ(use("job.expert=16").optimizer, plain.optimizer);
  const MemoryUse dual = use("job.schedule=dual");
  EXPECT_DOUBLE_EQ(dual.weights, 2 * plain.weights);
  EXPECT_EQ(chunks_in_flight(job_of(join(lines, "job.schedule=dual")), 3, 64), 17);
}

TEST(Memory, OptimizerReadsItsShard) {
  const Job job = job_of("job.tensor=8\njob.pipeline=2");
  Chip chip;
  chip.hbm_bandwidth = 3e12;
  // Both stages have 63 layers and one end of the model.
  EXPECT_DOUBLE_EQ(optimizer_time(job, chip, 1), 30 * 405e9 / 16 / 3e12);
  EXPECT_DOUBLE_EQ(optimizer_time(job, chip, 64), 30 * 405e9 / 16 / 64 / 3e12);
}

}  // namespace
}  // namespace lockstep
