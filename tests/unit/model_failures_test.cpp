#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "engine/base/error.hpp"
#include "engine/reliability/failures/failures.hpp"
#include "engine/training/jobs.hpp"
#include "tests/unit/long_run_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::LongRunPoint;
using testing::AllOf;
using testing::HasSubstr;

LongRunJob job_of(const std::string& lines) {
  return LongRunPoint(join("reliability.horizon=1d", lines)).run.job();
}

TEST(ModelFailures, TopologiesHaveTheirParts) {
  std::size_t seen = 0;
  for (auto [kind, leaves, cables, optical] : {std::tuple{"ring", 512 / 16, 1, 0},
                                               {"hierarchical_ring", 512 / 16, 1, 0},
                                               {"tree", 512 / 16, 1, 0},
                                               {"switch_reduce", 512 / 16, 1, 0},
                                               {"nccl", 512 / 16, 1, 0},
                                               {"torus", 0, 3, 0},
                                               {"ocs_torus", 0, 3, 48}}) {
    SCOPED_TRACE(kind);
    const LongRunJob job = job_of(fmt::format("fleet.chips=H100:512\ntopology.kind={}", kind));
    EXPECT_EQ(std::ssize(job.switches), leaves);
    EXPECT_EQ(job.cables.total(), 512 * cables);
    EXPECT_EQ(job.cables.of(17), 8 * cables);
    EXPECT_EQ(job.optical_switches, optical);
    ++seen;
  }
  EXPECT_EQ(seen, topology_kinds().size());
  const char* large = "fleet.chips=TPUv4:8192\ntopology.kind=ocs_torus\njob.tensor=1";
  EXPECT_EQ(job_of(large).optical_switches, 2 * 48);
}

TEST(ModelFailures, NodesStandBelowTheirLeafInTheirDomain) {
  const LongRunJob job = job_of("fleet.chips=H100:40, GB200:144\njob.tokens_per_chip=8192");
  ASSERT_EQ(job.nodes, 5 + 36);
  EXPECT_EQ(job.domains, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 23, 41}));
  // 16 chips a leaf: two nodes of 8, then 8 + 2 x 4 under the third, then four of 4.
  ASSERT_EQ(std::ssize(job.switches), 12);
  const auto expect = [&](std::size_t leaf, std::int64_t first, std::int64_t last) {
    ASSERT_EQ(job.switches[leaf].size(), 1u);
    EXPECT_EQ(job.switches[leaf].front().first, first);
    EXPECT_EQ(job.switches[leaf].front().last, last);
  };
  expect(0, 0, 2);
  expect(2, 4, 7);
  expect(3, 7, 11);
  expect(11, 39, 41);
  // A node of 8 chips on leaves of 12 is below two of them.
  const LongRunJob shared = job_of("fleet.chips=H100:48\nfabric.leaf_chips=12");
  ASSERT_EQ(std::ssize(shared.switches), 4);
  EXPECT_EQ(shared.switches[0].front().last, 2);
  EXPECT_EQ(shared.switches[1].front().first, 1);
}

/// 32 systems of 8 chips have 8 leaves, each above one chip of every system (NVIDIA DGX SuperPOD
/// H100, RA-11333-001).
TEST(ModelFailures, RailLeavesAreAboveANodeOfEachDomain) {
  const LongRunJob systems =
      job_of("fleet.chips=H100:512\nfabric.leaf=rail\nfabric.leaf_chips=32\nfabric.pod_chips=512");
  ASSERT_EQ(std::ssize(systems.switches), 16);
  for (std::size_t leaf = 0; leaf < 16; ++leaf) {
    ASSERT_EQ(systems.switches[leaf].size(), 1u);
    const std::int64_t first = leaf < 8 ? 0 : 32;
    EXPECT_EQ(systems.switches[leaf].front().first, first);
    EXPECT_EQ(systems.switches[leaf].front().last, first + 32);
  }
  // Four domains of 72 in 18 nodes: 72 leaves, each above the same node of every domain.
  const LongRunJob racks = job_of("fleet.chips=GB200:288\nfabric.leaf=rail");
  ASSERT_EQ(std::ssize(racks.switches), 72);
  for (std::size_t leaf = 0; leaf < 72; ++leaf) {
    ASSERT_EQ(racks.switches[leaf].size(), 4u);
    for (std::size_t domain = 0; domain < 4; ++domain) {
      const auto node = static_cast<std::int64_t>(18 * domain + leaf / 4);
      EXPECT_EQ(racks.switches[leaf][domain].first, node);
      EXPECT_EQ(racks.switches[leaf][domain].last, node + 1);
    }
  }
}

/// Nodes that must be repaired: of 4 racks of 4 nodes of 8, or of 8 rails above all 16.
TEST(ModelFailures, ARailLeafTakesTheNodesBelowIt) {
  for (const auto& [leaf, nodes] : {std::pair{"rack", 4}, std::pair{"rail", 16}}) {
    const LongRunPoint point(
        join("fleet.chips=H100:128\nfabric.leaf_chips=32\nreliability.horizon=60d\n"
             "reliability.node_failure_rate=0/d\nreliability.switch_failure_rate=0.01/d\n"
             "reliability.repair_time=1h",
             fmt::format("fabric.leaf={}", leaf)));
    Timeline timeline;
    point.run.run(train(*point.point, 0, 1), 0, 1, &timeline);
    std::map<double, int> repaired;  // at a time
    for (const TimelineEvent& event : timeline) repaired[event.time] += event.cause == repair_cause;
    int times = 0;
    for (const auto& [time, count] : repaired)
      if (count > 0) {
        EXPECT_EQ(count, nodes) << leaf;
        ++times;
      }
    EXPECT_GT(times, 0) << leaf;
  }
}

TEST(ModelFailures, NodesOfSeveralDomainsAreWhole) {
  // 8 nodes of 8 chips without NVLink, two under each leaf.
  for (const char* placement : {"blocked", "interleaved", "random"})
    for (int domain : {1, 2, 8}) {
      SCOPED_TRACE(placement);
      SCOPED_TRACE(domain);
      const LongRunJob job = job_of(
          fmt::format("fleet.chips=H100:32, A100:32\njob.tokens_per_chip=8192\nfleet.placement={}\n"
                      "chip.H100.scale_up_domain={}",
                      placement, domain));
      EXPECT_EQ(job.nodes, 8);
      EXPECT_EQ(std::ssize(job.domains), 9);
      ASSERT_EQ(std::ssize(job.switches), 4);
      for (std::int64_t leaf = 0; leaf < 4; ++leaf) {
        EXPECT_EQ(job.switches[static_cast<std::size_t>(leaf)].front().first, 2 * leaf);
        EXPECT_EQ(job.switches[static_cast<std::size_t>(leaf)].front().last, 2 * leaf + 2);
      }
      EXPECT_EQ(job.cables.of(5), 8);
    }
  // A domain of 12 chips ends within a node, which belongs to the first of its two.
  const LongRunJob across = job_of("fleet.chips=H100:48\nchip.H100.scale_up_domain=12");
  EXPECT_EQ(across.nodes, 6);
  EXPECT_EQ(across.domains, (std::vector<std::int64_t>{0, 2, 3, 5, 6}));
}

TEST(ModelFailures, RatesByGeneration) {
  const std::string fleet = "fleet.chips=H100:16, GB200:16\njob.tokens_per_chip=8192\n";
  EXPECT_EQ(job_of(fleet).node_rates.runs().size(), 1u);
  const LongRunJob job = job_of(fleet + "chip.GB200.node_failure_rate=2e-2/d");
  ASSERT_EQ(job.node_rates.runs().size(), 2u);
  EXPECT_DOUBLE_EQ(job.node_rates.of(0) * 86400, 6.5e-3);
  EXPECT_DOUBLE_EQ(job.node_rates.of(2) * 86400, 2e-2);
  EXPECT_EQ(job.node_rates.count(), 6);
}

TEST(ModelFailures, EveryCauseStopsOrDelaysTheJob) {
  const std::string base = join(R"(
    fleet.chips=H100:512
    job.overlap=0
    reliability.horizon=60d
    reliability.node_failure_rate=0/d)");
  const LongRun none = LongRunPoint(base).of_trial(0);
  EXPECT_EQ(none.interruptions, 0);
  EXPECT_EQ(none.time_lost[std::size_t(LossCause::link_flap)], 0);
  for (const char* cause :
       {"reliability.switch_failure_rate=0.01/d", "reliability.cable_failure_rate=0.001/d",
        "reliability.maintenance=0.01/d",
        "topology.kind=ocs_torus\nreliability.ocs_failure_rate=0.01/d"}) {
    SCOPED_TRACE(cause);
    const LongRun run = LongRunPoint(join(base, cause)).of_trial(0);
    EXPECT_GT(run.interruptions, 5);
    EXPECT_LT(run.goodput, none.goodput);
  }
  const LongRun flaps = LongRunPoint(join(base, "reliability.link_flap_rate=0.1/d")).of_trial(0);
  EXPECT_EQ(flaps.interruptions, 0);
  EXPECT_GT(flaps.time_lost[std::size_t(LossCause::link_flap)], 0);
}

std::string refusal(const std::string& lines) {
  try {
    test::make_jobs(join("fleet.chips=H100:64\nreliability.horizon=30d", lines));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ModelFailures, TooManyAreRefusedByTheKeyOfMostOfThem) {
  EXPECT_THAT(refusal("reliability.link_flap_rate=1/s"),
              AllOf(HasSubstr("reliability.link_flap_rate = 1/s brings"), HasSubstr("64 parts"),
                    HasSubstr("at most 1e+08")));
  EXPECT_THAT(refusal("chip.H100.node_failure_rate=100/s\nreliability.maintenance=1/s"),
              HasSubstr("chip.H100.node_failure_rate = 100/s brings"));
  EXPECT_EQ(refusal("reliability.ocs_failure_rate=1e9/s"), "accepted");  // a tree has none
  EXPECT_THAT(refusal("topology.kind=ocs_torus\nreliability.ocs_failure_rate=1e9/s"),
              HasSubstr("reliability.ocs_failure_rate = 1e+09/s"));
}

}  // namespace
}  // namespace lockstep
