#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "engine/job/pipeline/pipeline_schedule.hpp"
#include "engine/job/pipeline/pipeline_turns.hpp"
#include "tests/unit/pipeline_graph.hpp"

namespace lockstep {
namespace {

using test::PipelineGraph;

constexpr Schedule kinds[] = {Schedule::interleaved, Schedule::zero_bubble, Schedule::dual};

PipelineShape shape_of(Schedule kind, int p, int v, int m) {
  return {kind, p, v, m};
}

PipelineGraph graph_of(const PipelineShape& shape) {
  const auto p = static_cast<int>(shape.stages), m = static_cast<int>(shape.microbatches);
  switch (shape.kind) {
    case Schedule::zero_bubble:
      return test::zero_bubble_h1(p, m);
    case Schedule::dual:
      return test::dual_pipe(p, m);
    default:
      return test::megatron(p, static_cast<int>(shape.virtual_stages), m);
  }
}

double graph_end(const PipelineShape& shape, const std::vector<double>& time,
                 const PipelineTransfer& transfer = {}) {
  return graph_of(shape).end(time, (1 - transfer.blocking) * transfer.time,
                             transfer.blocking * transfer.time);
}

std::vector<double> alike(const PipelineShape& shape) {
  return std::vector<double>(static_cast<std::size_t>(shape.stages),
                             static_cast<double>(shape.microbatches));
}

std::string name(const PipelineShape& s) {
  return fmt::format("kind {} p {} V {} m {}", static_cast<int>(s.kind), s.stages, s.virtual_stages,
                     s.microbatches);
}

/// Of few stages and microbatches, of every kind, whatever it is meant for.
PipelineShape any_shape(std::mt19937_64& random, int kind, int rounds = 3) {
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const int p = kind == 2 ? 2 + 2 * below(4) : 2 + below(8);
  return shape_of(kinds[kind], p, kind == 0 ? 1 + below(4) : 1, 1 + below(rounds * p));
}

// Bubbles of like stages as the papers give them; F = W = 1 / 3, B = 2 / 3 the whole backward pass.
TEST(Schedules, BubblesAreThoseOfThePapers) {
  constexpr double F = 1.0 / 3, B = 2.0 / 3, W = 1.0 / 3;
  for (int p : {2, 4, 6, 8, 16, 32})
    for (int m : {2 * p, 2 * p + 2, 4 * p}) {
      const auto bubble = [&](Schedule kind, int v = 1) {
        const PipelineShape shape = shape_of(kind, p, v, m);
        EXPECT_NEAR(PipelineSchedule::even_length(shape), PipelineSchedule(shape).end(alike(shape)),
                    1e-9);
        return PipelineSchedule(shape).end(alike(shape)) - m;
      };
      EXPECT_NEAR(bubble(Schedule::interleaved), (p - 1) * (F + B), 1e-9);
      EXPECT_NEAR(bubble(Schedule::interleaved, 4), (p - 1) * (F + B) / 4, 1e-9);
      EXPECT_NEAR(bubble(Schedule::zero_bubble), (p - 1) * (F + B - 2 * W), 1e-9);
      EXPECT_NEAR(bubble(Schedule::dual), (p / 2.0 - 1) * (F + B + B - 3 * W), 1e-9);
    }
}

TEST(Schedules, OfLikeStagesEqualTheGraph) {
  for (Schedule kind : {Schedule::zero_bubble, Schedule::dual})
    for (int p : {2, 3, 4, 6, 7, 8, 16}) {
      if (kind == Schedule::dual && p % 2 == 1) continue;
      for (int m = 1; m <= 4 * p + 3; ++m) {
        const PipelineShape shape = shape_of(kind, p, 1, m);
        const double length = graph_end(shape, alike(shape));
        EXPECT_NEAR(PipelineSchedule::even_length(shape), length, 1e-12 * length) << name(shape);
        EXPECT_NEAR(PipelineSchedule(shape).end(alike(shape)), length, 1e-12 * length)
            << name(shape);
        EXPECT_NEAR(PipelineSchedule(shape).bound(alike(shape)), length, 1e-12 * length)
            << name(shape);
      }
    }
}

TEST(Schedules, OfAnyStagesAndTransfersEqualTheGraphWithinTheirBounds) {
  std::mt19937_64 random(20261128);
  std::uniform_real_distribution<double> wide(1, 3), narrow(0.99, 1.01), share(0, 1);
  int costly = 0, cases = 0;
  for (int i = 0; i < 900; ++i) {
    const PipelineShape shape = any_shape(random, i % 3);
    const auto m = static_cast<double>(shape.microbatches);
    std::vector<double> time(static_cast<std::size_t>(shape.stages));
    for (double& t : time) t = i % 2 ? wide(random) : narrow(random);
    if (i % 5 == 0) time[random() % time.size()] *= 2.5;
    if (i % 7 == 0) time[random() % time.size()] = 0;
    const PipelineTransfer transfer{i % 4 == 0 ? 0 : share(random) / m,
                                    i % 4 == 3 ? share(random) : 0};
    const PipelineSchedule schedule(shape);
    const double end = schedule.end(time, transfer);
    const std::string what = fmt::format("{} case {}", name(shape), i);
    EXPECT_NEAR(end, graph_end(shape, time, transfer), 1e-12 * end) << what;
    EXPECT_LE(end, schedule.bound(time, transfer) * (1 + 1e-12)) << what;
    // The slowest stage's own work, and one microbatch's way: of a split backward pass the weights
    // keep nobody but their own stage.
    const double slowest = *std::max_element(time.begin(), time.end());
    const double sum = std::accumulate(time.begin(), time.end(), 0.0);
    const double works = shape.kind == Schedule::interleaved ? 1 : 2.0 / 3;
    const double hops =
        2 * (static_cast<double>(shape.stages * shape.virtual_stages) - 1) * transfer.time;
    EXPECT_GE(end, slowest * (1 - 1e-12)) << what;
    EXPECT_GE(end, (works * sum / m + hops) * (1 - 1e-12)) << what;
    EXPECT_GE(schedule.end(time, {transfer.time * 1.2, transfer.blocking}), end * (1 - 1e-12))
        << "more transfer is never faster, " << what;
    EXPECT_GE(schedule.end(time, {transfer.time, std::min(1.0, transfer.blocking + 0.2)}),
              end * (1 - 1e-12))
        << "nor is a blocked sender, " << what;
    std::vector<double> slower = time;
    slower[random() % slower.size()] *= 1.1;
    EXPECT_GE(schedule.end(slower, transfer), end * (1 - 1e-12)) << "nor a slower stage, " << what;
    costly += end > 1.05 * schedule.end(time);
    ++cases;
  }
  EXPECT_GT(costly, cases / 4) << "transfers that cost nothing would test nothing";
}

// Of more than one chunk with slow stages at both ends and little between, the bound lacks what the
// way from one to the other and back costs again and again: 3 % where the others take nothing.
TEST(Schedules, BoundsHoldForStagesFarFromAlike) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> any(0, 1);
  const double values[] = {0, 0.01, 1, 2.5};
  for (int i = 0; i < 6000; ++i) {
    const PipelineShape shape = any_shape(random, i % 3, 5);
    std::vector<double> time(static_cast<std::size_t>(shape.stages));
    for (double& t : time) t = i % 2 ? any(random) : values[random() % 4];
    const PipelineTransfer transfer{i % 4 ? any(random) * any(random) : 0, i % 8 ? 0 : any(random)};
    const PipelineSchedule schedule(shape);
    const double beyond = shape.virtual_stages == 1 ? 1e-12 : 0.03;
    EXPECT_LE(schedule.end(time, transfer), schedule.bound(time, transfer) * (1 + beyond) + 1e-12)
        << name(shape) << " case " << i;
  }
  const PipelineShape worst = shape_of(kinds[0], 8, 2, 17);
  std::vector<double> ends(8, 0.0);
  ends.front() = ends.back() = 1;
  EXPECT_NEAR(graph_end(worst, ends) / PipelineSchedule(worst).bound(ends), 1.028, 0.001);
}

// Two neighbours of 1F1B hand a microbatch there and back for each of the p that are under way:
// 2 (p - 1) transfers in p microbatches. Interleaved there is a turn between, zero_bubble puts
// weights there: p of them against 2 (p - 1) transfers.
TEST(Schedules, SteadyStateShowsWhereTransfersAreHidden) {
  const int p = 8;
  const auto pace = [&](Schedule kind, int v, double transfer) {
    const auto length = [&](int m) {
      return PipelineSchedule::even_length(shape_of(kind, p, v, m), {transfer, 0});
    };
    return (length(12 * p) - length(10 * p)) / (2 * p);
  };
  for (double x : {0.001, 0.01, 0.1})
    EXPECT_NEAR(pace(Schedule::interleaved, 1, x), 1 + 2 * x * (p - 1) / p, 1e-9) << x;
  EXPECT_NEAR(pace(Schedule::interleaved, 4, 0.02), 1, 1e-9);
  EXPECT_NEAR(pace(Schedule::zero_bubble, 1, 0.1), 1, 1e-9);
  EXPECT_GT(pace(Schedule::zero_bubble, 1, 0.3), 1.05);
  // Filling and draining pays in every schedule: there and back once.
  for (const auto& [kind, v] : {std::pair{Schedule::interleaved, 4}, {kinds[1], 1}}) {
    const PipelineShape shape = shape_of(kind, p, v, 4 * p);
    EXPECT_GE(PipelineSchedule::even_length(shape, {0.02, 0}),
              PipelineSchedule::even_length(shape) + 2 * (p - 1) * 0.02 - 1e-9);
  }
}

TEST(Schedules, WhatIsLeftOverCountsWithItsTransfers) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> narrow(1, 0.005);
  for (const PipelineShape& shape :
       {shape_of(kinds[0], 16, 8, 150), shape_of(kinds[0], 16, 1, 1100),
        shape_of(kinds[0], 8, 4, 601), shape_of(kinds[1], 16, 1, 800),
        shape_of(kinds[2], 16, 1, 802)})
    for (const PipelineTransfer& each : {PipelineTransfer{0, 0}, {0.01, 0}, {0.03, 0.5}}) {
      std::vector<double> time(static_cast<std::size_t>(shape.stages));
      for (double& t : time) t = narrow(random);
      const PipelineTransfer transfer{each.time / static_cast<double>(shape.microbatches),
                                      each.blocking};
      const double exact = graph_end(shape, time, transfer);
      const double end = PipelineSchedule(shape).end(time, transfer);
      // Groups left out that differ in size from others may have hidden less of their transfers.
      EXPECT_GE(end, exact * (1 - (each.time > 0 ? 1e-3 : 1e-9))) << name(shape) << each.time;
      EXPECT_LE(end, exact * 1.01) << name(shape) << each.time;
      EXPECT_LE(end, PipelineSchedule(shape).bound(time, transfer) * (1 + 1e-9)) << name(shape);
    }
  // So deep that no schedule is built: a transfer counts as if it kept its sender.
  const PipelineShape deep = shape_of(kinds[0], 128, 1, 256);
  EXPECT_GE(PipelineSchedule(deep).end(alike(deep), {0.01, 0}),
            graph_end(deep, alike(deep), {0.01, 0}));
  EXPECT_LE(PipelineSchedule(deep).end(alike(deep), {0.01, 0}),
            graph_end(deep, alike(deep), {0.01, 0}) * 1.01);
}

TEST(Schedules, MostMicrobatchesIsTheInverseOfEvenLength) {
  for (Schedule kind : kinds)
    for (const PipelineTransfer& transfer : {PipelineTransfer{0, 0}, {0.07, 0}, {0.2, 0.5}})
      for (int p : {1, 2, 6})
        for (double length = p; length < 4 * p + 2; length += 0.437) {
          PipelineShape shape = shape_of(kind, p, kind == Schedule::interleaved ? 3 : 1, 1);
          const double most =
              std::max(0.0, PipelineSchedule::most_microbatches(shape, length, transfer));
          shape.microbatches = static_cast<std::int64_t>(most);
          if (most >= 1) {
            EXPECT_LE(PipelineSchedule::even_length(shape, transfer), length + 1e-9) << name(shape);
          }
          ++shape.microbatches;
          EXPECT_GT(PipelineSchedule::even_length(shape, transfer), length - 1e-9) << name(shape);
        }
}

/// What a stage's chips hold at most: microbatches whose weights are not done yet.
std::int64_t most_held(const PipelineShape& shape, std::int64_t stage) {
  std::int64_t held = 0, most = 0;
  for (const Pass& pass : stage_passes(shape, microbatch_groups(shape), stage)) {
    held += pass.part == PassPart::forward;
    most = std::max(most, held);
    held -= pass.part == PassPart::backward || pass.part == PassPart::weight_gradients;
  }
  EXPECT_EQ(held, 0);
  return most;
}

// Activations as the papers have them: 1F1B and ZB-H1 p on the first stage, DualPipe p + 1.
TEST(Schedules, HoldAsManyMicrobatchesAsThePapersSay) {
  for (int p : {2, 4, 8, 16})
    for (std::int64_t s = 0; s < p; ++s) {
      EXPECT_EQ(most_held(shape_of(kinds[0], p, 1, 3 * p), s), p - s);
      EXPECT_EQ(most_held(shape_of(kinds[1], p, 1, 3 * p), s), p);
      EXPECT_EQ(most_held(shape_of(kinds[2], p, 1, 4 * p), s), p + 1);
    }
}

TEST(Schedules, ChunkTimesAreThoseOfTheGraph) {
  for (const PipelineShape& shape :
       {shape_of(kinds[0], 4, 1, 3), shape_of(kinds[0], 4, 1, 50), shape_of(kinds[0], 4, 3, 9),
        shape_of(kinds[0], 4, 2, 45), shape_of(kinds[0], 5, 3, 39), shape_of(kinds[0], 1, 4, 6),
        shape_of(kinds[0], 8, 2, 200), shape_of(kinds[1], 6, 1, 4), shape_of(kinds[1], 6, 1, 61),
        shape_of(kinds[2], 6, 1, 12), shape_of(kinds[2], 6, 1, 71), shape_of(kinds[2], 8, 1, 90)}) {
    PipelineGraph graph = graph_of(shape);
    const double end = graph.end(alike(shape));
    const auto times = PipelineSchedule(shape).chunk_times();
    const auto chunks = static_cast<std::size_t>(shape.chunks());
    ASSERT_EQ(times.first_forward.size(), graph.stages.size() * chunks) << name(shape);
    ASSERT_EQ(times.last_backward.size(), graph.stages.size() * chunks) << name(shape);
    for (std::size_t s = 0; s < graph.stages.size(); ++s)
      for (std::size_t c = 0; c < chunks; ++c) {
        double first = 1e300, last = 0;
        for (const auto& o : graph.stages[s])
          for (const auto& pass : o.passes) {
            const bool here = shape.kind == Schedule::dual
                                  ? pass.way == static_cast<int>(c)
                                  : pass.place / shape.stages == static_cast<int>(c);
            if (here && pass.part == 'F') first = std::min(first, o.start);
            if (here && pass.part == 'W') last = std::max(last, o.end);
          }
        EXPECT_NEAR(times.first_forward[s * chunks + c], first, 1e-9) << name(shape) << " " << s;
        EXPECT_NEAR(times.last_backward[s * chunks + c], end - last, 1e-9) << name(shape) << s;
      }
  }
}

// Two stages of one chunk, two microbatches, by hand (the drawing of PipelineSchedule): the last
// stage is done a backward pass before the first.
TEST(Schedules, ChunkTimesByHand) {
  const auto whole = PipelineSchedule(shape_of(kinds[0], 2, 1, 2)).chunk_times();
  EXPECT_NEAR(whole.first_forward[0], 0, 1e-12);
  EXPECT_NEAR(whole.first_forward[1], 1.0 / 3, 1e-12);
  EXPECT_NEAR(whole.last_backward[0], 0, 1e-12);
  EXPECT_NEAR(whole.last_backward[1], 2.0 / 3, 1e-12);
  const auto split = PipelineSchedule(shape_of(kinds[1], 2, 1, 2)).chunk_times();
  EXPECT_NEAR(split.last_backward[0], 0, 1e-12);
  EXPECT_NEAR(split.last_backward[1], 0, 1e-12);
}

/// Over random stages: ends in single precision are never early, and hardly late; where every
/// operation is evaluated, stages that take less end no later.
TEST(PipelineSchedule, EndsInSinglePrecisionAreBounds) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(0, 1);
  int late = 0, exact = 0, cases = 0;
  for (const PipelineShape& shape : std::vector<PipelineShape>{{Schedule::interleaved, 8, 1, 24},
                                                               {Schedule::interleaved, 16, 8, 16},
                                                               {Schedule::interleaved, 4, 2, 7},
                                                               {Schedule::interleaved, 16, 8, 400},
                                                               {Schedule::zero_bubble, 8, 1, 16},
                                                               {Schedule::zero_bubble, 8, 1, 5},
                                                               {Schedule::dual, 8, 1, 20},
                                                               {Schedule::interleaved, 1, 1, 9}}) {
    const PipelineSchedule schedule(shape);
    const auto stages = static_cast<std::size_t>(shape.stages);
    for (int one = 0; one < 40; ++one, ++cases) {
      const PipelineTransfer transfer{one % 2 * 2e-3, 0.25 * (one % 4)};
      constexpr std::size_t row = 3;
      std::vector<double> less, time(stages * row);
      for (std::size_t s = 0; s < stages; ++s) {
        less.push_back(0.8 + 0.4 * uniform(random));
        const double more = (one % 8 < 4 || uniform(random) < 0.2 ? 0.3 : 0.0) * uniform(random);
        for (std::size_t r = 0; r < row; ++r) time[s * row + r] = less[s] + more;
      }
      const std::vector<std::int32_t> replicas{0, 2};
      std::vector<double> end(row), most(row);
      schedule.ends(time.data(), row, replicas, end.data(), transfer);
      schedule.most_ends(time.data(), row, replicas, most.data(), transfer);
      EXPECT_GE(most[2], end[2]);
      EXPECT_LE(most[2], end[2] * (1 + 5e-4));
      if (schedule.is_exact()) {
        EXPECT_LE(schedule.end(less, transfer), end[0] * (1 + 1e-13));
        ++exact;
      }
      late += end[0] > schedule.end(less, transfer) * (1 + 1e-3);  // what is more counts
    }
  }
  EXPECT_GT(late, cases / 2);
  EXPECT_GT(exact, cases / 2);
}

}  // namespace
}  // namespace lockstep
