#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <tuple>

#include "engine/base/error.hpp"
#include "tests/unit/pipeline_graph.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::free_network;
using test::join;
using test::make_point;
using test::quiet;
using test::run_one;
using testing::HasSubstr;

PipelineShape interleaved(std::int64_t stages, std::int64_t chunks, double microbatches = 1) {
  return {Schedule::interleaved, stages, chunks, static_cast<std::int64_t>(microbatches)};
}

/// End of the graph with `time` (stages) for all microbatches of a stage.
double graph_end(int chunks, int microbatches, const std::vector<double>& time) {
  return test::megatron(static_cast<int>(time.size()), chunks, microbatches).end(time);
}

std::vector<double> alike(int stages, int microbatches) {
  return std::vector<double>(static_cast<std::size_t>(stages), microbatches);
}

// Ends of 16 stages of 8 chunks by hand: m = 1 takes its way through all of them, m = 16 and more
// the published m + (p - 1) / V (Narayanan et al., arXiv 2104.04473, section 2.2).
TEST(PipelineSchedule, OfLikeStagesIsKnown) {
  const std::vector<std::pair<int, double>> known{{1, 16},    {4, 16.375},  {8, 16.875},
                                                  {13, 17.5}, {16, 17.875}, {32, 33.875}};
  for (const auto& [m, length] : known) {
    EXPECT_DOUBLE_EQ(PipelineSchedule::even_length(interleaved(16, 8, m)), length) << m;
    EXPECT_NEAR(PipelineSchedule(interleaved(16, 8, m)).end(alike(16, m)), length, 1e-12 * length)
        << m;
    EXPECT_NEAR(graph_end(8, m, alike(16, m)), length, 1e-12 * length) << m;
  }
}

TEST(PipelineSchedule, OfLikeStagesEqualsTheGraph) {
  for (int p : {2, 3, 4, 7, 16})
    for (int v : {1, 2, 3, 8})
      for (int m = 1; m <= 3 * p + 1; ++m) {
        const double length = graph_end(v, m, alike(p, m));
        const std::string what = fmt::format("p {} V {} m {}", p, v, m);
        EXPECT_NEAR(PipelineSchedule::even_length(interleaved(p, v, m)), length, 1e-12 * length)
            << what;
        EXPECT_NEAR(PipelineSchedule(interleaved(p, v, m)).end(alike(p, m)), length, 1e-12 * length)
            << what;
        EXPECT_NEAR(PipelineSchedule(interleaved(p, v, m)).bound(alike(p, m)), length,
                    1e-12 * length)
            << what;
      }
}

TEST(PipelineSchedule, OfAnyStagesEqualsTheGraphWithinItsBounds) {
  std::mt19937_64 random(20261127);
  std::uniform_real_distribution<double> wide(1, 3), narrow(0.99, 1.01);
  int position_matters = 0;
  for (int i = 0; i < 400; ++i) {
    const int p = 2 + static_cast<int>(random() % 9), v = 1 + static_cast<int>(random() % 4);
    const int m = 1 + static_cast<int>(random() % static_cast<unsigned>(3 * p));
    std::vector<double> time(static_cast<std::size_t>(p));
    for (double& t : time) t = i % 2 ? wide(random) : narrow(random);
    if (i % 3 == 0) time[random() % time.size()] *= 2.5;
    const PipelineSchedule schedule(interleaved(p, v, m));
    const double end = schedule.end(time);
    const std::string what = fmt::format("p {} V {} m {} case {}", p, v, m, i);
    EXPECT_NEAR(end, graph_end(v, m, time), 1e-12 * end) << what;
    EXPECT_LE(end, schedule.bound(time) * (1 + 1e-12)) << what;
    EXPECT_GE(end, *std::max_element(time.begin(), time.end()) * (1 - 1e-12)) << what;
    const double through = std::accumulate(time.begin(), time.end(), 0.0) / m;
    EXPECT_GE(end, through * (1 - 1e-12)) << "one microbatch's way, " << what;
    position_matters += end < 0.98 * schedule.bound(time);
    std::vector<double> slower = time;
    slower[random() % slower.size()] *= 1.1;
    EXPECT_GE(schedule.end(slower), end * (1 - 1e-12)) << "a slower stage is never faster " << what;
  }
  EXPECT_GT(position_matters, 40) << "the bound alone would pass";
}

// p = 16, m = 16, V = 1, one stage 2.5 times slower: what is waited for depends on where it stands.
// The last stage keeps all others waiting while it fills and drains; the first has its forward
// passes done when the others come back. Slowest x (1 + bubble) would say 2.5 for all.
TEST(PipelineSchedule, ASlowStageCostsByItsPlace) {
  std::vector<double> slowdown;
  for (std::size_t s = 0; s < 16; ++s) {
    std::vector<double> time = alike(16, 16);
    time[s] *= 2.5;
    slowdown.push_back(PipelineSchedule(interleaved(16, 1, 16)).end(time) / 31);
    EXPECT_NEAR(slowdown.back(), graph_end(1, 16, time) / 31, 1e-12);
    EXPECT_NEAR(PipelineSchedule(interleaved(16, 1, 16)).bound(time) / 31, 55.0 / 31, 1e-12);
  }
  EXPECT_NEAR(slowdown.back(), 1.774, 0.001);
  EXPECT_NEAR(slowdown.front(), 1.371, 0.001);
  EXPECT_TRUE(std::is_sorted(slowdown.begin(), slowdown.end()));
}

TEST(PipelineSchedule, WhatIsLeftOverCountsAtTheSlowestPace) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> narrow(1, 0.005);
  for (const auto& [p, v, m] : {std::tuple{16, 8, 150}, {16, 8, 201}, {8, 4, 600}, {32, 4, 150}}) {
    ASSERT_GT(2 * p * v * m, PipelineSchedule::most_operations);
    std::vector<double> time(static_cast<std::size_t>(p));
    for (double& t : time) t = narrow(random);
    const double exact = graph_end(v, m, time);
    const double end = PipelineSchedule(interleaved(p, v, m)).end(time);
    EXPECT_GE(end, exact * (1 - 1e-9)) << p << " " << m;
    EXPECT_LE(end, exact * 1.005) << p << " " << m;
    EXPECT_NEAR(PipelineSchedule(interleaved(p, v, m)).end(alike(p, m)),
                PipelineSchedule::even_length(interleaved(p, v, m)), 1e-9 * m);
  }
  // So deep that not even two rounds of microbatches are evaluated.
  EXPECT_NEAR(PipelineSchedule(interleaved(256, 2, 300)).end(alike(256, 300)), 300 + 255.0 / 2,
              1e-9);
  EXPECT_NEAR(PipelineSchedule(interleaved(256, 2, 1)).end(alike(256, 1)), 256, 1e-9);
}

TEST(PipelineSchedule, RunsReplicasSideBySideAsOneByOne) {
  const int stages = 5, replicas = 19;
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> wide(1, 3);
  std::vector<double> time(static_cast<std::size_t>(stages * replicas));
  for (double& t : time) t = wide(random);
  const PipelineSchedule schedule(interleaved(stages, 3, 7));
  std::vector<std::int32_t> some;  // not in a row, not a whole number of tiles
  for (std::int32_t r = 0; r < replicas; ++r)
    if (r % 5 != 2) some.push_back(r);
  std::vector<double> end(replicas, -1);
  schedule.ends(time.data(), replicas, some, end.data());
  for (std::int32_t r = 0; r < replicas; ++r) {
    std::vector<double> own;
    for (int s = 0; s < stages; ++s)
      own.push_back(time[static_cast<std::size_t>(s * replicas + r)]);
    EXPECT_EQ(end[static_cast<std::size_t>(r)], r % 5 == 2 ? -1 : schedule.end(own)) << r;
  }
}

TEST(PipelineSchedule, MostMicrobatchesIsTheInverseOfEvenLength) {
  for (int p : {1, 2, 5, 16})
    for (int v : {1, 2, 8})
      for (double length = p; length < 3 * p + 2; length += 0.0937) {
        const double most = PipelineSchedule::most_microbatches(interleaved(p, v), length);
        EXPECT_LE(PipelineSchedule::even_length(interleaved(p, v, most)), length + 1e-9);
        EXPECT_GT(PipelineSchedule::even_length(interleaved(p, v, most + 1)), length - 1e-9);
      }
}

// 16,384 H100, one sequence a replica: nothing is faster than its way through 16 stages, however
// finely they are cut (0.9994 s, 2,698 TFLOP/s a chip, was once said for V = 8). A token takes
// 6 (405e9 - 128,256 x 16,384) + 12 x 126 x 16,384 x 8,192 FLOPs, eight chips at 0.55 of 989.4
// TFLOP/s have the way's stages one after another: 8,192 tokens in 4.931 s.
TEST(PipelineStep, OneSequenceIsNeverFasterThanItsWay) {
  for (const char* stages : {"1", "2", "8"}) {
    const TrialResult result =
        run_one(join(quiet, free_network, fmt::format("job.virtual_stages={}", stages), R"(
      fleet.chips=H100:16384
      job.tensor=8
      job.pipeline=16
      job.tokens_per_batch=1048576
      job.kernel_efficiency=0.55)"));
    EXPECT_NEAR(result.compute_time[0], 4.931, 0.001) << stages;
  }
}

std::string refusal(std::string_view lines) {
  try {
    make_point(lines);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST(PipelineStep, RefusesStagesThatTheModelCannotFill) {
  const auto with = [](std::string_view lines) {
    return join(lines, "fleet.chips=H100:256\njob.layers=32");
  };
  EXPECT_EQ(refusal(with("job.pipeline=16\njob.virtual_stages=2")), "");
  EXPECT_THAT(refusal(with("job.pipeline=16\njob.virtual_stages=3")),
              HasSubstr("at most 2 of one layer"));
  EXPECT_THAT(refusal(with("job.pipeline=16\njob.virtual_stages=8")),
              HasSubstr("job.virtual_stages = 8"));
  EXPECT_THAT(refusal(with("job.pipeline=64")), HasSubstr("job.pipeline = 64"));
  // Not given, it follows the layers: 32 + 2 in 16 stages are 2, bubble 15 / (2 x 128).
  const auto point = make_point(with("job.pipeline=16\njob.tokens_per_chip=65536"));
  EXPECT_EQ(point->scenario().job.virtual_stages, 2);
  EXPECT_NEAR(point->bubble(0), 0.0586, 1e-4);
}

TEST(PipelineStep, RefusesLessThanAMicrobatchAReplica) {
  const std::string_view lines = "fleet.chips=H100:64\njob.tokens_per_batch=8192";
  EXPECT_THAT(refusal(lines), HasSubstr("1 microbatches for 64 replicas"));
  EXPECT_EQ(refusal("fleet.chips=H100:64\njob.tokens_per_batch=524288"), "");
  // The default is never less than that.
  for (const char* plan :
       {"", "job.tensor=2", "job.tensor=4\njob.pipeline=4", "job.microbatch_sequences=3"}) {
    const auto point = make_point(join("fleet.chips=H100:64", plan));
    for (double m : point->work().microbatches) EXPECT_GE(m, 1) << plan;
  }
}

}  // namespace
}  // namespace lockstep
