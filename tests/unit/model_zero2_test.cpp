// Sharded gradients (ZeRO-2): how often they are reduced, what hides it, what a step takes longer.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/training/trial/training_step.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::scenario_values;

/// A ring without latency, whose calls take (ranks - 1) / ranks of the buffer over the bandwidth.
const std::string ring = join(test::quiet, R"(
    fleet.chips=H100:128
    topology.kind=ring
    job.layers=32
    job.model_parameters=8e9
    job.hidden=4096
    job.optimizer_bytes=0
    job.gradient_clipping=off
    fabric.hop_latency=0s
    fabric.hop_bandwidth=20GB/s)");

DesignPoint point_of(const std::string& lines) {
  return {scenario_values(lines), topology_kinds(), 1};
}

double exposed_by(const DesignPoint& point, std::string_view name) {
  for (std::size_t p = 0; p < point.phases().size(); ++p)
    if (point.phases()[p].phase->name == name) return point.quiet_step().exposed[p];
  ADD_FAILURE() << "no phase " << name;
  return 0;
}

// A chip with several chunks goes back through them in turn, for p microbatches each or, where
// these leave a rest, for some more (the last chunk first, as Megatron-LM does). Each time it
// leaves a chunk the chunk's gradients are reduced. With one chunk it never leaves it: what is
// sharded cannot wait for the next microbatch.
TEST(ShardedGradients, AreReducedWheneverAChipLeavesTheirChunk) {
  for (int p : {1, 2, 4})
    for (int v : {1, 2, 4})
      for (int m : {1, 2, 3, 4, 8, 9, 12, 16}) {
        if (p == 1 && v > 1) continue;  // no virtual stages without a pipeline
        std::vector<int> order;         // the chunk of each backward pass
        for (int left = m, turns = std::max(1, m / p); turns > 0; --turns) {
          const int turn = (left + turns - 1) / turns;
          for (int chunk = v - 1; chunk >= 0; --chunk) order.insert(order.end(), turn, chunk);
          left -= turn;
        }
        int reduced = 0;
        for (std::size_t i = 0; i < order.size(); ++i)
          reduced += v == 1 || i + 1 == order.size() || order[i + 1] != order[i];
        const Job job = job_from(scenario_values(
            fmt::format("job.layers=32\njob.pipeline={}\njob.virtual_stages={}", p, v)));
        EXPECT_EQ(job.gradient_rounds(m) * v, reduced) << p << " " << v << " " << m;
      }
}

// 128 replicas of one chip, m microbatches: FP32 gradients go round m times, the last time as with
// whole gradients, the others behind 2/3 of a layer's microbatch where they can.
TEST(ShardedGradients, TakeARingsTimeForEveryMicrobatch) {
  for (double bandwidth : {1.0, 20.0, 1000.0})
    for (double overlap : {0.0, 1.0}) {
      const std::string lines =
          join(ring, fmt::format("job.overlap={}\nfabric.hop_bandwidth={}GB/s\n"
                                 "job.tokens_per_chip=32768",
                                 overlap, bandwidth));
      const DesignPoint whole = point_of(lines),
                        sharded = point_of(join(lines, "job.data_parallel=zero2"));
      const double m = whole.work().microbatches[0];
      ASSERT_EQ(m, 4);
      const double layer = whole.quiet_step().compute / 32 / m;
      const double call = 127.0 / 128 * 4 * 8e9 / 32 / (bandwidth * 1e9);
      const double expected = 32 * std::max(0.0, (m - 1) * call - m * overlap * layer * 2 / 3);
      EXPECT_NEAR(exposed_by(sharded, "gradients_rounds"), expected, 1e-9 + 1e-9 * expected)
          << bandwidth;
    }
}

// As many microbatches as stages, in virtual stages: each chunk has them all in one round, and a
// step is that of a distributed optimizer to the bit. Twice as many: a second round, which slows
// it.
TEST(ShardedGradients, OfOneRoundCostNothing) {
  const auto lines = [](int microbatches, const char* sharding) {
    return join(ring, fmt::format("job.pipeline=8\njob.virtual_stages=4\njob.overlap=0\n"
                                  "job.tokens_per_chip={}\njob.data_parallel={}",
                                  1024 * microbatches, sharding));
  };
  const auto step = [&](int microbatches, const char* sharding) {
    const DesignPoint point = point_of(lines(microbatches, sharding));
    EXPECT_EQ(point.work().microbatches[0], microbatches);
    return train(point, 0, 1).result.step_time;
  };
  EXPECT_EQ(step(8, "zero2"), step(8, "distributed_optimizer"));
  EXPECT_GT(step(16, "zero2")[0], step(16, "distributed_optimizer")[0]);
}

// Experts' gradients go round among those with the same experts.
TEST(ShardedGradients, OfExpertsGoRoundAmongTheirOwn) {
  const DesignPoint point =
      point_of(join(ring,
                    "job.experts=8\njob.top_k=2\njob.expert=4\njob.active_parameters=3e9\n"
                    "job.data_parallel=zero2\njob.tokens_per_chip=32768"));
  for (const PlannedPhase& planned : point.phases())
    if (planned.phase->name == "expert_gradients_rounds") {
      EXPECT_EQ(planned.groups, (GroupShape{32, 4}));
      EXPECT_EQ(planned.calls, 3 * 32);
      const double experts = point.scenario().job.expert_parameters_per_chip();
      EXPECT_NEAR(planned.bytes, 4 * experts / 32, 1);
      return;
    }
  ADD_FAILURE() << "no such phase";
}

TEST(ShardedGradients, CannotWaitForSeveralSteps) {
  EXPECT_THROW(point_of(join(ring, "job.data_parallel=zero2\njob.sync_every=2")), InputError);
  EXPECT_THROW(point_of(join(ring, "job.data_parallel=zero2\njob.shard_group=2")), InputError);
}

}  // namespace
}  // namespace lockstep
