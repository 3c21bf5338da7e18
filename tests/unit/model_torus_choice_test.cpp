// The shape and mapping that an optical torus chooses by itself, against all that a user can name.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/training/design_point.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;

const std::string model = join(test::quiet, R"(
    fleet.chips=H100:128
    topology.kind=ocs_torus
    job.layers=16
    job.hidden=4096
    job.heads=32
    job.model_parameters=8e9
    job.sequence_length=8192)");
const std::string machine = join(model, "job.tokens_per_batch=2097152");

/// Step without noise [s]; none where the plan or mapping is refused.
std::optional<double> step_of(const std::string& lines) {
  try {
    return DesignPoint(test::scenario_values(lines), topology_kinds(), 1).quiet_step().time();
  } catch (const InputError&) {
    return std::nullopt;
  }
}

/// Ways to cut `ranks` among three sides.
std::vector<std::array<int, 3>> cuts(int ranks) {
  std::vector<std::array<int, 3>> all;
  for (int x = 1; x <= ranks; ++x)
    for (int y = 1; x * y <= ranks; ++y)
      if (ranks % (x * y) == 0) all.push_back({x, y, ranks / (x * y)});
  return all;
}

/// Lines of all shapes of 128 chips in whole cubes and of all mappings on them.
std::vector<std::string> all_named(int tensor, int pipeline) {
  std::vector<std::string> all;
  for (const std::array<int, 3> sides : {std::array{4, 4, 8}, {4, 8, 4}, {8, 4, 4}})
    for (const auto& t : cuts(tensor))
      for (const auto& p : cuts(pipeline)) {
        std::string mapping;
        for (std::size_t d = 0; d < 3 && !mapping.ends_with('!'); ++d) {
          if (sides[d] % (t[d] * p[d]) != 0)
            mapping = "!";
          else
            mapping += fmt::format("{}tensor:{} pipeline:{} data", d == 0 ? "" : ", ", t[d], p[d]);
        }
        if (mapping.ends_with('!')) continue;
        all.push_back(fmt::format("topology.shape={}x{}x{}\ntopology.mapping={}", sides[0],
                                  sides[1], sides[2], mapping));
      }
  return all;
}

struct Plan {
  const char* name;
  int tensor, pipeline;
  const char* lines;
};

class TorusChoice : public testing::TestWithParam<Plan> {};

TEST_P(TorusChoice, IsNoSlowerThanWhatAUserCanName) {
  const auto& [name, tensor, pipeline, more] = GetParam();
  const std::string lines =
      join(machine, fmt::format("job.tensor={}\njob.pipeline={}", tensor, pipeline), more);
  const auto chosen = step_of(lines);
  ASSERT_TRUE(chosen);
  double best = HUGE_VAL, worst = 0;
  int named = 0;
  std::string fastest;
  for (const std::string& mapping : all_named(tensor, pipeline)) {
    const auto step = step_of(join(lines, mapping));
    if (!step) continue;
    ++named;
    worst = std::max(worst, *step);
    if (*step < best) fastest = mapping;
    best = std::min(best, *step);
  }
  EXPECT_GT(named, 5);
  // What is asked leaves out that a chunk's latency is not a share of the whole's.
  EXPECT_LE(*chosen, best * (1 + 2e-5)) << fastest;
  EXPECT_GT(worst, best * 1.001) << "there is a choice";
}

INSTANTIATE_TEST_SUITE_P(
    Plans, TorusChoice,
    testing::Values(Plan{"data", 4, 2, ""}, Plan{"context", 4, 1, "job.context=4"},
                    Plan{"context_in_pipeline", 2, 4, "job.context=4\njob.context_exposed=1"},
                    Plan{"expert", 2, 1,
                         "job.experts=16\njob.top_k=2\njob.expert=8\njob.active_parameters=2e9"},
                    Plan{"hsdp", 2, 1,
                         "job.data_parallel=hsdp\njob.shard_group=8\nfabric.link_bandwidth=5GB/s"},
                    Plan{"fsdp", 4, 1, "job.data_parallel=fsdp\nfabric.link_bandwidth=5GB/s"}),
    [](const auto& test) { return std::string(test.param.name); });

/// Chips at work a second of a step: what a fleet gets done where every replica has the same work.
double throughput_of(const std::string& lines) {
  const DesignPoint point(test::scenario_values(lines), topology_kinds(), 1);
  return static_cast<double>(point.layout().chips()) / point.quiet_step().time();
}

// 2,368 chips are 37 cubes, in a row of 37 or, with one left out, compact: 64 chips of 2,368 cost
// 2.7 %.
TEST(OpticalTorus, LeavesChipsIdleOnlyWhereTheOthersGetMoreDone) {
  const std::string fleet = join(model, R"(
      fleet.chips=H100:2368
      job.tokens_per_chip=8192)");
  bool all_at_work = false, some_idle = false;
  for (const char* latency : {"100ns", "200us"}) {
    const std::string lines = join(fleet, fmt::format("fabric.link_latency={}", latency));
    const double chosen = throughput_of(lines);
    const double in_a_row = throughput_of(join(lines, "topology.shape=4x4x148"));
    const double compact = throughput_of(join(lines, "topology.shape=12x12x16"));
    EXPECT_GE(chosen, std::max(in_a_row, compact) * (1 - 2e-5)) << latency;
    all_at_work = all_at_work || (in_a_row > compact && chosen == in_a_row);
    some_idle = some_idle || (compact > in_a_row && chosen == compact);
  }
  EXPECT_TRUE(all_at_work);
  EXPECT_TRUE(some_idle);
}

}  // namespace
}  // namespace lockstep
