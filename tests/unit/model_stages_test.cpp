#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "engine/base/error.hpp"
#include "engine/job/stages.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::scenario_values;
using testing::Each;
using testing::ElementsAre;

Job job_of(std::string_view lines) {
  return job_from(scenario_values(lines));
}

std::vector<double> layers_of(std::string_view lines) {
  std::vector<double> layers;
  for (const Stage& stage : stages_of(job_of(lines)))
    layers.push_back(stage.dense_layers + stage.moe_layers);
  return layers;
}

TEST(Stages, FirstAndLastHaveALayerLessWhereEndsCount) {
  // Llama 3 405B: 126 layers in 16 stages, one less on the first and on the last.
  const std::vector<double> layers = layers_of("job.pipeline=16");
  ASSERT_EQ(layers.size(), 16);
  EXPECT_EQ(layers.front(), 7);
  EXPECT_EQ(layers.back(), 7);
  EXPECT_THAT(std::vector(layers.begin() + 1, layers.end() - 1), Each(8));
  EXPECT_THAT(layers_of(""), ElementsAre(126));
  const std::vector<Stage> stages = stages_of(job_of("job.pipeline=16"));
  EXPECT_EQ(stages.front().embedding + stages.back().head, 2);
  EXPECT_EQ(stages.back().embedding + stages.front().head, 0);
}

TEST(Stages, OthersAreAsEvenAsTheyCanBe) {
  EXPECT_THAT(layers_of("job.layers=96\njob.pipeline=8\njob.virtual_stages=12"), Each(12));
  EXPECT_THAT(layers_of("job.layers=61\njob.pipeline=4\njob.virtual_stages=1"),
              ElementsAre(16, 15, 15, 15));
  EXPECT_THAT(layers_of("job.layers=11\njob.pipeline=4\njob.virtual_stages=2"),
              ElementsAre(3, 3, 3, 2));
  for (int layers = 1; layers < 40; ++layers)
    for (int pipeline = 1; pipeline <= layers; ++pipeline) {
      const std::vector<double> all =
          layers_of(fmt::format("job.layers={}\njob.pipeline={}", layers, pipeline));
      EXPECT_EQ(std::accumulate(all.begin(), all.end(), 0.0), layers);
      const auto [least, most] = std::minmax_element(all.begin(), all.end());
      EXPECT_LE(*most - *least, 1 + (pipeline == 1)) << layers << " " << pipeline;
    }
}

TEST(Stages, LayersWithoutExpertsComeFirst) {
  // Chunks 0, 2 and 1, 3 of 4 layers each; the first five layers have no experts.
  const std::vector<Stage> stages =
      stages_of(job_of("job.layers=16\njob.pipeline=2\njob.virtual_stages=2\njob.experts=8\n"
                       "job.dense_layers=5"));
  EXPECT_EQ(stages[0].dense_layers, 4);
  EXPECT_EQ(stages[0].moe_layers, 4);
  EXPECT_EQ(stages[1].dense_layers, 1);
  EXPECT_EQ(stages[1].moe_layers, 7);
}

TEST(StageShares, CountLayersAttentionAndTheHead) {
  // Written out: layers of 6 x parameters + 12 x 64 x 32 FLOPs, a head of 6 x 1,000 x 64.
  const std::string_view lines =
      "job.model_parameters=1e6\njob.layers=7\njob.hidden=64\njob.heads=4\njob.sequence_length=32\n"
      "job.vocabulary=1000\njob.pipeline=2\njob.virtual_stages=1";
  const double layer = 6 * (1e6 - 128e3) / 7 + 12 * 64 * 32, head = 6 * 64e3;
  const double all = 7 * layer + head;
  EXPECT_THAT(stage_shares(job_of(lines)),
              ElementsAre(testing::DoubleEq(2 * 4 * layer / all),
                          testing::DoubleEq(2 * (3 * layer + head) / all)));
  EXPECT_DOUBLE_EQ(job_of(lines).model.flops_per_token(), all);
  // Both chips compute half of either stage.
  EXPECT_THAT(stage_shares(job_of(join(lines, "job.schedule=dual"))), Each(testing::DoubleEq(1)));
  const double again = 7 * layer * 4 / 3 + head;
  EXPECT_DOUBLE_EQ(computed_flops_per_token(job_of(join(lines, "job.recompute=full"))), again);
  EXPECT_THAT(stage_shares(job_of(join(lines, "job.recompute=full"))),
              ElementsAre(testing::DoubleEq(2 * 4 * layer * 4 / 3 / again),
                          testing::DoubleEq(2 * (3 * layer * 4 / 3 + head) / again)));
}

// Half of the FLOPs at half the pace take twice as long; what counts as model FLOPs stays.
TEST(AttentionEfficiency, LengthensAttentionAlone) {
  const std::string_view lines =
      "job.model_parameters=6e6\njob.layers=6\njob.hidden=100\njob.heads=1\njob.kv_heads=1\n"
      "job.head_size=1000\njob.sequence_length=500\njob.vocabulary=0\njob.kernel_efficiency=0.5";
  const Job even = job_of(lines), slow = job_of(join(lines, "job.attention_efficiency=0.25"));
  ASSERT_DOUBLE_EQ(even.model.flops_per_token(), 36e6 + 12.0 * 6 * 1000 * 500);
  EXPECT_DOUBLE_EQ(computed_flops_per_token(even, flop_pace(even)), 72e6);
  EXPECT_DOUBLE_EQ(computed_flops_per_token(slow, flop_pace(slow)), 36e6 + 2 * 36e6);
  EXPECT_DOUBLE_EQ(slow.model.flops_per_token(), even.model.flops_per_token());
}

TEST(StageShares, AreWhatIsGiven) {
  const std::vector<double> shares =
      stage_shares(job_of("job.pipeline=4\njob.stage_imbalance=0.2"));
  EXPECT_DOUBLE_EQ(shares[3] / shares[0], 1.2);
  EXPECT_DOUBLE_EQ(shares[0], shares[2]);
  EXPECT_DOUBLE_EQ(std::accumulate(shares.begin(), shares.end(), 0.0), 4);
  EXPECT_THAT(stage_shares(job_of("job.stage_imbalance=0.2")), ElementsAre(1));
}

// Korthikanti et al. (arXiv 2205.05198), Table 5: a step with full recomputation over one with
// selective recomputation and sequence parallelism, 18.13 / 13.75 s (175B). Both their times hold
// traffic, too; one forward pass more and 3 % agree within 3 %, none at all would not.
TEST(Recompute, TakesWhatWasMeasured) {
  const std::string_view gpt3 =
      "job.model_parameters=175e9\njob.layers=96\njob.hidden=12288\njob.heads=96\njob.kv_heads=96\n"
      "job.feed_forward=49152\njob.gated=off\njob.vocabulary=51200\njob.sequence_length=2048";
  const auto computed = [&](std::string_view recompute) {
    return computed_flops_per_token(job_of(join(gpt3, recompute)));
  };
  EXPECT_NEAR(computed("job.recompute=full") / computed("job.recompute=selective"), 18.13 / 13.75,
              0.03 * 18.13 / 13.75);
  EXPECT_DOUBLE_EQ(computed(""), job_of(gpt3).model.flops_per_token());
}

struct Shared {
  Job job;
  Layout layout;
  Work work;
};

Shared share(std::string_view lines) {
  const Values values = scenario_values(lines);
  const Fleet fleet = fleet_from(values);
  Shared s{job_from(values), {}, {}};
  s.layout = arrange(fleet, place(fleet, 1), s.job.tensor, s.job.pipeline,
                     replicas_that_fit(fleet, s.job.model_parallel()));
  s.work = share_work(s.job, fleet, s.layout);
  return s;
}

TEST(ShareWork, StagesDifferAndAddUp) {
  const Shared s = share(
      "fleet.chips=H100:16\njob.tensor=2\njob.pipeline=4\njob.layers=125\n"
      "job.tokens_per_batch=65536");
  const std::vector<double> shares = stage_shares(s.job);
  double sum = 0;
  for (std::int64_t g = 0; g < 8; ++g)
    for (std::int64_t r = 0; r < 2; ++r) {
      const double time = s.work.chip_time[static_cast<std::size_t>(s.layout.at(g, r))];
      EXPECT_NEAR(time / s.work.chip_time[0], shares[static_cast<std::size_t>(g / 2)] / shares[0],
                  1e-12);
      sum += time;
    }
  EXPECT_NEAR(sum * 989.4e12 * test::default_efficiency() / s.work.flops, 1, 1e-12);
}

TEST(ShareWork, ContextParallelReplicasShareTheirSequences) {
  const std::string_view lines = "fleet.chips=H100:8\njob.tokens_per_batch=57344";  // 7 sequences
  const Shared alone = share("fleet.chips=H100:2\njob.tokens_per_batch=57344");
  const Shared four = share(join(lines, "job.context=4"));
  EXPECT_THAT(four.work.microbatches, ElementsAre(4, 4, 4, 4, 3, 3, 3, 3));
  EXPECT_EQ(four.work.tokens, 57344);
  // Each does a fourth of what a replica of its own would.
  EXPECT_THAT(alone.work.microbatches, ElementsAre(4, 3));
  EXPECT_NEAR(four.work.chip_time[0], alone.work.chip_time[0] / 4, 1e-12);
  EXPECT_NEAR(four.work.chip_time[7], alone.work.chip_time[1] / 4, 1e-12);
  // The default batch: one sequence for every group of four.
  EXPECT_THAT(share("fleet.chips=H100:8\njob.context=4").work.microbatches, Each(1));
  EXPECT_EQ(share("fleet.chips=H100:8\njob.context=4").work.tokens, 16384);
}

TEST(ShareWork, ReplicasThatShareExpertsRunInStep) {
  const std::string_view lines =
      "fleet.chips=H100:8\njob.experts=8\njob.expert=4\njob.tokens_per_batch=90112";  // 11
  // Whole rounds of four: eight sequences.
  const Shared four = share(lines);
  EXPECT_THAT(four.work.microbatches, Each(1));
  EXPECT_EQ(four.work.tokens, 65536);
  // Two groups of two replicas share each sequence: five rounds of two.
  const Shared both = share(join(lines, "job.context=2"));
  EXPECT_THAT(both.work.microbatches, ElementsAre(3, 3, 3, 3, 2, 2, 2, 2));
  EXPECT_EQ(both.work.tokens, 81920);
  EXPECT_THROW(share(join(lines, "fleet.chips=H100:6")), InputError);
  // Faster blocks take more, all of a block the same.
  const Shared mixed = share(
      "fleet.chips=H100:4, GB200:4\njob.experts=8\njob.expert=4\njob.tokens_per_batch=229376\n"
      "job.work_share=proportional");
  EXPECT_THAT(mixed.work.microbatches, ElementsAre(2, 2, 2, 2, 5, 5, 5, 5));
}

}  // namespace
}  // namespace lockstep
