#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "engine/base/error.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::make_point;
using test::scenario_values;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct Shared {
  Fleet fleet;
  Job job;
  Layout layout;
  Work work;
};

Shared share(std::string_view lines) {
  const Values values = scenario_values(lines);
  Shared s{fleet_from(values), job_from(values), {}, {}};
  s.layout = arrange(s.fleet, place(s.fleet, 1), s.job.tensor, s.job.pipeline,
                     replicas_that_fit(s.fleet, s.job.model_parallel()));
  s.work = share_work(s.job, s.fleet, s.layout);
  return s;
}

/// A pipeline of like stages.
struct Pipe {
  int stages, chunks;
  /// Of m microbatches, as many rounds as there are: a microbatch follows another a chunk behind.
  double length(double m) const {
    return m < stages ? stages + (m - 1) / chunks : m + (stages - 1.0) / chunks;
  }
};

/// Latest of length(m) / speed.
double latest(const std::vector<double>& microbatches, const std::vector<double>& speed,
              Pipe pipe) {
  double time = 0;
  for (std::size_t r = 0; r < speed.size(); ++r)
    time = std::max(time, pipe.length(microbatches[r]) / speed[r]);
  return time;
}

/// The least latest finish over all ways to give each replica at least one microbatch.
double least_latest(int total, const std::vector<double>& speed, Pipe pipe) {
  std::vector<double> given(speed.size(), 0);
  double best = 1e300;
  const std::function<void(std::size_t, int)> fill = [&](std::size_t r, int left) {
    const int after = static_cast<int>(speed.size() - r) - 1;
    if (after == 0) {
      given[r] = left;
      best = std::min(best, latest(given, speed, pipe));
      return;
    }
    for (int m = 1; m <= left - after; ++m) {
      given[r] = m;
      fill(r + 1, left - m);
    }
  };
  fill(0, total);
  return best;
}

TEST(ProportionalMicrobatches, MinimizeTheLatestFinish) {
  std::mt19937_64 random(20240607);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  int cases = 0, uneven = 0;
  for (; cases < 400; ++cases) {
    const int kinds = 1 + static_cast<int>(below(3));
    const int pipeline = 2 + static_cast<int>(below(3));
    const int stages = 1 + static_cast<int>(below(4));
    std::string chips, peaks;
    std::vector<double> speed;
    for (int k = 0; k < kinds; ++k) {
      // Small whole ratios make ties; the others none.
      const double peak = below(2) == 0 ? static_cast<double>(1 + below(6))
                                        : 1 + static_cast<double>(below(1000)) / 317;
      const int replicas = 1 + static_cast<int>(below(2));
      chips += fmt::format("{}X{}:{}", k ? ", " : "", k, replicas * pipeline);
      peaks += fmt::format("chip.X{}.peak={:.17g}\n", k, peak * 1e12);
      for (int r = 0; r < replicas; ++r) speed.push_back(peak);
    }
    const int total = static_cast<int>(speed.size() + below(12));
    const Shared s = share(fmt::format(
        "fleet.chips={}\n{}job.pipeline={}\njob.virtual_stages={}\njob.work_share=proportional\n"
        "job.sequence_length=1\njob.tokens_per_batch={}",
        chips, peaks, pipeline, stages, total));
    const std::string what = fmt::format("{} pipeline {} virtual {} total {}\n{}", chips, pipeline,
                                         stages, total, peaks);
    ASSERT_EQ(s.work.microbatches.size(), speed.size()) << what;
    double sum = 0;
    for (double m : s.work.microbatches) {
      EXPECT_GE(m, 1) << what;
      EXPECT_EQ(m, std::floor(m)) << what;
      sum += m;
    }
    EXPECT_EQ(sum, total) << what;
    const Pipe pipe{pipeline, stages};
    const double best = least_latest(total, speed, pipe);
    EXPECT_NEAR(latest(s.work.microbatches, speed, pipe), best, 1e-12 * best) << what;
    uneven += *std::max_element(s.work.microbatches.begin(), s.work.microbatches.end()) > 1 &&
              *std::min_element(speed.begin(), speed.end()) <
                  *std::max_element(speed.begin(), speed.end());
  }
  EXPECT_GT(uneven, 100) << "few cases have anything to choose";
}

TEST(ShareWork, EqualSharesGiveTheRemainderToTheFirst) {
  const Shared s = share(
      "fleet.chips=H100:8\njob.pipeline=2\njob.stage_imbalance=0\njob.sequence_length=100\n"
      "job.tokens_per_batch=1000");
  EXPECT_THAT(s.work.microbatches, ElementsAre(3, 3, 2, 2));
  EXPECT_EQ(s.work.tokens, 1000);
  // One chip computes its share of the layers for its replica's microbatches.
  const double speed = 989.4e12 * test::default_efficiency();
  for (std::int64_t g = 0; g < 2; ++g)
    for (std::int64_t r = 0; r < 4; ++r)
      EXPECT_NEAR(s.work.chip_time[static_cast<std::size_t>(s.layout.at(g, r))],
                  s.work.microbatches[static_cast<std::size_t>(r)] * 100 *
                      s.job.model.flops_per_token() / 2 / speed,
                  1e-12);
}

TEST(ShareWork, FewerMicrobatchesThanReplicasIsRefused) {
  const std::string_view lines = "fleet.chips=H100:8\njob.pipeline=2\njob.sequence_length=100";
  for (const char* batch : {"job.tokens_per_batch=300", "job.tokens_per_chip=40",
                            "job.tokens_per_batch=700\njob.microbatch_sequences=2"}) {
    SCOPED_TRACE(batch);
    try {
      share(join(lines, batch));
      ADD_FAILURE() << "accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(),
                  AllOf(HasSubstr("3 microbatches for 4 replicas"),
                        HasSubstr("job.tokens_per_batch"), HasSubstr("job.sequence_length")));
    }
  }
  EXPECT_NO_THROW(share(join(lines, "job.tokens_per_batch=400")));
}

TEST(ShareWork, MoreMicrobatchesThanCanBeCountedAreRefused) {
  EXPECT_THROW(share("fleet.chips=H100:8\njob.pipeline=2\njob.tokens_per_batch=1e40"), InputError);
  // A schedule that no memory holds: 2.5e9 microbatches in a replica.
  EXPECT_THROW(share("fleet.chips=H100:8\njob.pipeline=2\njob.sequence_length=1\n"
                     "job.tokens_per_batch=1e10"),
               InputError);
}

// There tokens may not be given, so that their number cannot be what makes a study impossible.
TEST(ShareWork, ComputeTimeCountsMicrobatchesOfTheDefaultBatch) {
  const auto of = [](std::string_view lines) {
    return share(join("fleet.chips=H100:256\njob.compute_time=2s", lines)).work;
  };
  struct Case {
    const char* lines;
    double microbatches;
  };
  for (const auto& [lines, expected] :
       {Case{"job.pipeline=2", 1},
        {"job.pipeline=2\njob.sequence_length=1e9", 1},
        {"job.tensor=8\njob.pipeline=4", 4},
        {"job.tensor=8\njob.pipeline=16", 16},
        {"job.pipeline=11", 1},
        {"job.pipeline=12", 2},  // 1.375 and 1.5
        {"job.tensor=8\njob.pipeline=4\njob.microbatch_sequences=2", 2}}) {
    SCOPED_TRACE(lines);
    for (const char* sharing : {"equal", "proportional"}) {
      const Work work = of(join(lines, fmt::format("job.work_share={}", sharing)));
      EXPECT_THAT(work.microbatches, testing::Each(expected));
      EXPECT_THAT(work.chip_time, testing::Each(2.0));
      EXPECT_EQ(work.flops, 0);
    }
  }
  EXPECT_THAT(of("job.tensor=8").microbatches, testing::Each(1.0));
  // Shares that equalize finish times move microbatches, none is added.
  const Shared mixed = share(
      "fleet.chips=H100:128, GB200:128\njob.compute_time=2s\njob.tensor=8\njob.pipeline=4\n"
      "job.work_share=proportional");
  EXPECT_THAT(mixed.work.microbatches, ElementsAre(1, 1, 1, 1, 7, 7, 7, 7));
}

TEST(ShareWork, CountsTokensAndFlops) {
  const Shared plain = share("fleet.chips=H100:6\njob.tokens_per_chip=8300");
  EXPECT_DOUBLE_EQ(plain.work.tokens, 6 * 8192);
  EXPECT_DOUBLE_EQ(plain.work.flops,
                   6 * 8192 * (6 * (405e9 - 128256.0 * 16384) + 12.0 * 126 * 16384 * 8192));
  EXPECT_THAT(plain.work.microbatches, testing::Each(1));
  // Idle chips have no tokens: 7 chips, replicas of 3.
  const Shared tensor =
      share("fleet.chips=H100:7\njob.tensor=3\njob.sequence_length=100\njob.tokens_per_chip=100");
  EXPECT_DOUBLE_EQ(tensor.work.tokens, 600);
  EXPECT_THAT(tensor.work.microbatches, testing::Each(3));
  // Whole sequences, the nearest number; whole microbatches of them, rounded down.
  const std::string_view pipe = "fleet.chips=H100:4\njob.pipeline=2\njob.sequence_length=100";
  EXPECT_EQ(share(join(pipe, "job.tokens_per_batch=1049")).work.tokens, 1000);
  EXPECT_EQ(share(join(pipe, "job.tokens_per_batch=1051")).work.tokens, 1100);
  const Shared micro = share(join(pipe, "job.tokens_per_batch=1100\njob.microbatch_sequences=2"));
  EXPECT_EQ(micro.work.tokens, 1000);
  EXPECT_THAT(micro.work.microbatches, ElementsAre(3, 2));
  // The default: 1,024 tokens a chip, and a microbatch a replica where that is more.
  EXPECT_EQ(share("fleet.chips=H100:128\njob.tensor=8\njob.pipeline=16").work.tokens, 131072);
  EXPECT_EQ(share("fleet.chips=H100:10").work.tokens, 81920);
}

TEST(ShareWork, ChipTimesAddUpToTheFlops) {
  for (const char* sharing : {"equal", "proportional"}) {
    SCOPED_TRACE(sharing);
    const Shared s =
        share(fmt::format("fleet.chips=H100:12, GB200:8\njob.tensor=2\njob.pipeline=2\n"
                          "job.tokens_per_batch=180224\njob.work_share={}",
                          sharing));
    double flops = 0;
    for (std::int64_t i = 0; i < s.layout.chips(); ++i) {
      const auto chip = static_cast<std::size_t>(i);
      flops += s.work.chip_time[chip] * test::default_efficiency() *
               s.fleet.generations[s.layout.generation[chip]].chip.peak;
    }
    EXPECT_NEAR(flops, s.work.flops, 1e-12 * s.work.flops);
  }
}

TEST(ShareWork, ComputeTimeIsOfTheFirstGeneration) {
  const std::string_view lines = "job.compute_time=2s\nchip.GB200.stack=0.8";
  const Shared s = share(join("fleet.chips=H100:2, GB200:2", lines));
  EXPECT_DOUBLE_EQ(s.work.chip_time[0], 2);
  EXPECT_DOUBLE_EQ(s.work.chip_time[2], 2 * 989.4 / (2500 * 0.8));
  EXPECT_EQ(s.work.flops, 0);
  const Shared other = share(join("fleet.chips=GB200:2, H100:2", lines));
  EXPECT_DOUBLE_EQ(other.work.chip_time[0], 2);
  EXPECT_DOUBLE_EQ(other.work.chip_time[2], 2 * (2500 * 0.8) / 989.4);
}

TEST(ShareWork, RealSharesEqualizeFinishTimesWithoutPipeline) {
  // Only compute_time has no sequences to cut the work into.
  const Shared s =
      share("fleet.chips=H100:3, GB200:2\njob.compute_time=1s\njob.work_share=proportional");
  for (double time : s.work.chip_time) EXPECT_NEAR(time, 5 * 989.4 / (3 * 989.4 + 2 * 2500), 1e-12);
}

TEST(JobFrom, RefusesContradictions) {
  const auto message = [](std::string_view lines) -> std::string {
    try {
      job_from(scenario_values(lines));
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(message("job.tokens_per_batch=1e6\njob.tokens_per_chip=1024"),
              AllOf(HasSubstr("job.tokens_per_chip"), HasSubstr("job.tokens_per_batch")));
  EXPECT_THAT(message("job.compute_time=1s\njob.tokens_per_chip=1024"),
              HasSubstr("job.compute_time"));
  EXPECT_THAT(message("job.compute_time=1s\njob.tokens_per_batch=1024"),
              HasSubstr("job.compute_time"));
  EXPECT_EQ(message("job.compute_time=1s"), "accepted");
}

// The number of microbatches depends on them: one drawn per trial could become impossible mid-run.
TEST(JobFrom, TokensMayNotBeUncertain) {
  for (const char* key : {"job.tokens_per_chip", "job.tokens_per_batch"}) {
    SCOPED_TRACE(key);
    try {
      scenario_values(fmt::format("{}=uniform(low=1000, high=2000)", key));
      ADD_FAILURE() << "accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(),
                  AllOf(HasSubstr("'uniform(low=1000, high=2000)'"),
                        HasSubstr("cannot be uncertain"), HasSubstr("write one value")));
    }
    EXPECT_NO_THROW(scenario_values(fmt::format("{}=1500", key)));
  }
}

TEST(JobFrom, DividesTheGradientsOverTheModelParallelGroup) {
  const auto bytes = [](std::string_view lines) {
    return job_from(scenario_values(join("job.tensor=8\njob.pipeline=16", lines)))
        .gradient_bytes_per_chip();
  };
  EXPECT_DOUBLE_EQ(bytes(""), 405e9 * 4 / 128);
  EXPECT_DOUBLE_EQ(bytes("job.gradient_precision=bf16"), 405e9 * 2 / 128);
  EXPECT_DOUBLE_EQ(bytes("job.gradient_precision=fp8"), 405e9 / 128);
  EXPECT_DOUBLE_EQ(bytes("job.gradient_bytes=128GB"), 1e9);
}

}  // namespace
}  // namespace lockstep
