#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::scenario_values;
using testing::HasSubstr;

Model model_of(std::string_view lines) {
  return model_from(scenario_values(lines));
}

constexpr std::string_view llama_405b = R"(
  job.feed_forward=53248
  job.heads=128
)";
constexpr std::string_view llama_8b = R"(
  job.model_parameters=8.03e9
  job.layers=32
  job.hidden=4096
)";
constexpr std::string_view deepseek_v3 = R"(
  job.model_parameters=671e9
  job.layers=61
  job.hidden=7168
  job.sequence_length=4096
  job.vocabulary=129280
  job.heads=128
  job.head_size=160
  job.kv_heads=128
  job.experts=256
  job.top_k=8
  job.shared_experts=1
  job.dense_layers=3
)";

/// As NVIDIA publishes a benchmarked model: FLOPs of a sequence, three digits.
struct Published {
  const char* name;
  std::string lines;
  double flops;
};

// dgxc-benchmarking, releases of 2024-25, FLOPs of one sequence with full attention. Heads of keys
// and values are those the figures were made with: 16 for 405B (8 as released), all heads for 15B
// and 340B (8 as released), which no other choice reproduces to three digits.
TEST(ModelFlops, AreNvidiasOfASequence) {
  const Published models[] = {
      {"Llama 3.1 405B", join(llama_405b, "job.kv_heads=16"), 2.17e16},
      {"Nemotron-4 340B",
       "job.model_parameters=340e9\njob.layers=96\njob.hidden=18432\njob.heads=96\n"
       "job.kv_heads=96\njob.feed_forward=73728\njob.gated=off\njob.vocabulary=256000\n"
       "job.sequence_length=4096",
       1.01e16},
      {"GPT-3 175B",
       "job.model_parameters=175e9\njob.layers=96\njob.hidden=12288\njob.heads=96\n"
       "job.kv_heads=96\njob.feed_forward=49152\njob.gated=off\njob.vocabulary=51200\n"
       "job.sequence_length=2048",
       2.20e15},
      {"Nemotron-4 15B",
       "job.model_parameters=15e9\njob.layers=32\njob.hidden=6144\njob.heads=48\n"
       "job.kv_heads=48\njob.feed_forward=24576\njob.gated=off\njob.vocabulary=256000\n"
       "job.sequence_length=4096",
       4.345e14},
  };
  for (const Published& published : models) {
    const Model model = model_of(published.lines);
    EXPECT_NEAR(model.flops_per_token() * model.sequence_length / published.flops, 1, 3e-3)
        << published.name;
  }
  // The heads as released differ: the figures above tell them apart.
  const Model released = model_of(llama_405b);
  EXPECT_LT(released.flops_per_token() * released.sequence_length, 2.155e16);
}

TEST(ModelFlops, WidthFollowsFromTheParameters) {
  const Model large = model_of("");
  EXPECT_EQ(large.heads, 128);
  EXPECT_EQ(large.head_size, 128);
  EXPECT_EQ(large.kv_heads, 8);
  EXPECT_NEAR(large.feed_forward / 53248, 1, 0.005);  // 405e9 is rounded
  EXPECT_EQ(large.active_parameters, 405e9);
  EXPECT_DOUBLE_EQ(large.shape_parameters(), 405e9);
  EXPECT_NEAR(model_of(llama_8b).feed_forward / 14336, 1, 0.005);
  EXPECT_NEAR(
      model_of("job.model_parameters=70.6e9\njob.layers=80\njob.hidden=8192").feed_forward / 28672,
      1, 0.005);
  // Matrices by what is given, and the embedding is looked up.
  EXPECT_DOUBLE_EQ(large.flops_per_token(),
                   6 * (405e9 - 128256.0 * 16384) + 12.0 * 126 * 16384 * 8192);
  EXPECT_NEAR(model_of(llama_405b).flops_per_token() / large.flops_per_token(), 1, 0.005);
}

TEST(ModelFlops, CausalAttentionIsHalf) {
  const Model full = model_of(""), causal = model_of("job.attention=causal");
  EXPECT_DOUBLE_EQ(causal.attention_flops(), full.attention_flops() / 2);
  EXPECT_DOUBLE_EQ(full.flops_per_token() - causal.flops_per_token(), full.attention_flops() / 2);
}

// DeepSeek-V3 as published: 671e9 parameters, 37e9 active; experts of 2,048, three layers of
// 18,432; 432 and 385 TFLOP/s a chip, full and causal (ISCA 2025, Table 4), so that causal
// attention is 47 / 385 of the FLOPs and full attention 94 / 432.
TEST(ModelFlops, ExpertsFollowFromWhatIsActive) {
  const Model model = model_of(join(deepseek_v3, "job.active_parameters=37e9"));
  EXPECT_NEAR(model.expert_hidden / 2048, 1, 0.005);
  EXPECT_NEAR(model.feed_forward / 18432, 1, 0.005);
  EXPECT_NEAR(model.attention_flops() / model.flops_per_token(), 94.0 / 432, 0.005);
  const Model causal =
      model_of(join(deepseek_v3, "job.active_parameters=37e9\njob.attention=causal"));
  EXPECT_NEAR(causal.flops_per_token() / model.flops_per_token(), 385.0 / 432, 0.005);
  // The other way round: experts and layers as published make 37e9 active.
  const Model shape = model_of(join(deepseek_v3, "job.expert_hidden=2048\njob.feed_forward=18432"));
  EXPECT_NEAR(shape.active_parameters / 37e9, 1, 0.02);
  // What its layers hold is all there is: 671e9 less embedding and head.
  const double held = shape.dense_layers * shape.dense_layer +
                      shape.moe_layers() * (shape.common + shape.experts * shape.expert);
  EXPECT_NEAR(held / (671e9 - 2 * 129280.0 * 7168), 1, 1e-12);
}

// Mixtral 8x7B (arXiv 2401.04088): 46.7e9 parameters, 12.9e9 active, experts of 14,336.
TEST(ModelFlops, ExpertsFollowFromAllParametersAlone) {
  const Model model = model_of(
      "job.model_parameters=46.7e9\njob.layers=32\njob.hidden=4096\njob.vocabulary=32000\n"
      "job.experts=8\njob.top_k=2");
  EXPECT_NEAR(model.expert_hidden / 14336, 1, 0.005);
  EXPECT_NEAR(model.active_parameters / 12.9e9, 1, 0.005);
  EXPECT_DOUBLE_EQ(model.shape_parameters(), 46.7e9);
}

TEST(ModelFlops, ModelsSmallerThanTheirEmbeddingCount) {
  const Model model = model_of("job.model_parameters=1e6");
  EXPECT_DOUBLE_EQ(model.embedding_parameters(), 5e5);
  EXPECT_EQ(model.dense_layer, 0);
  EXPECT_GT(model.shape_parameters(), 1e9) << "what describe warns of";
}

TEST(ModelFlops, RefusesContradictions) {
  const auto message = [](std::string_view lines) -> std::string {
    try {
      job_from(scenario_values(lines));
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message("job.experts=4"), HasSubstr("job.top_k = 8"));
  EXPECT_THAT(message("job.experts=8\njob.dense_layers=127"), HasSubstr("job.dense_layers"));
  EXPECT_THAT(message("job.experts=8\njob.active_parameters=406e9"),
              HasSubstr("job.active_parameters"));
  EXPECT_THAT(message("job.kv_heads=129"), HasSubstr("job.kv_heads"));
  EXPECT_THAT(message("job.expert=8"), HasSubstr("no experts"));
  EXPECT_THAT(message("job.experts=12\njob.expert=8"), HasSubstr("does not divide"));
  EXPECT_THAT(message("job.experts=12\njob.expert=3\njob.context=2"), HasSubstr("job.context = 2"));
  EXPECT_THAT(message("job.context=3"), HasSubstr("6 equal chunks"));
  EXPECT_THAT(message("job.shard_group=8"), HasSubstr("job.data_parallel"));
  EXPECT_THAT(message("job.data_parallel=hsdp"), HasSubstr("job.shard_group"));
  EXPECT_EQ(message("job.experts=12\njob.expert=12\njob.context=2\njob.data_parallel=fsdp\n"
                    "job.shard_group=24"),
            "accepted");
}

}  // namespace
}  // namespace lockstep
