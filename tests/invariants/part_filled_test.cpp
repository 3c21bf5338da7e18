// Domains of unequal size: who is slowed by a part-filled one, and what no port can do.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

constexpr double gradients = 101.2e9;  // of a rank in fp32, tensor 2 and pipeline 8 [B]
constexpr double nic = 47e9;           // what large messages get of 400 Gbit/s [B/s]

/// When each group has finished, all ready at 0 [s].
std::vector<double> group_times(const TopologyCase& c) {
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  std::vector<double> times;
  for (auto at = finish.begin(); at != finish.end(); at += c.ranks())
    times.push_back(*std::max_element(at, at + c.ranks()));
  return times;
}

/// What a group's ranks in a domain add, and what they get, passes their NICs: they have nothing
/// else to pass it by [s].
double least_time(const TopologyCase& c, std::int64_t group) {
  const DomainClusters domains = domain_clusters(c.layout, group);
  if (domains.count() == 1) return 0;
  double least = 0;
  for (std::int32_t d = 0; d < domains.count(); ++d) {
    double nics = 0;
    for (std::int32_t place = 0; place < domains.size(d); ++place)
      nics += c.chip(group, domains.member(d, place)).injection_bandwidth;
    least = std::max(least, c.bytes / nics);
  }
  return least;
}

/// A measured fleet, which fills rack after rack.
TopologyCase gb200(std::string_view kind, std::int64_t chips) {
  const auto file = std::filesystem::path(testing::TempDir()) /
                    fmt::format("lockstep_part_filled_{}_{}.csv", kind, chips);
  std::ofstream out(file);
  out << "node,generation,chips,relative_speed\n";
  for (std::int64_t node = 0; node < chips / 4; ++node) out << fmt::format("n{},GB200,4,1\n", node);
  out.close();
  return {kind_named(kind), {{"fleet.inventory", file.string()}}, 2, 8, gradients, no_settings};
}

/// Racks of 72 hold 4.5 replicas of 16. Of 512 chips the last rack has half a replica, of 1,024 a
/// whole one: a rank alone there passes 2 (n - 1) / n of the buffer by one NIC, where others have
/// four.
TEST(PartFilledDomain, SlowsTheRingsThatPassThroughItAndNoOthers) {
  struct Known {
    std::int64_t chips, alone;  // groups with a rank that is
  };
  for (const Known& known : {Known{508, 0}, {512, 8}, {576, 0}, {1024, 16}, {1080, 0}}) {
    const TopologyCase c = gb200("ring", known.chips);
    const auto times = group_times(c);
    ASSERT_EQ(times.size(), 16u);
    const double ring = optimal_share(c.ranks()) * gradients / nic;
    std::int64_t alone = 0;
    for (std::int64_t group = 0; group < 16; ++group) {
      const double time = times[static_cast<std::size_t>(group)];
      const std::int64_t nics = smallest_cluster(c.layout, group);
      EXPECT_NEAR(time, ring / static_cast<double>(nics), 0.01 * time) << c.name << group;
      alone += nics == 1;
    }
    EXPECT_EQ(alone, known.alone) << c.name;
  }
}

/// What other groups have in a rack is nothing to a group: without those alone in the last one,
/// the same times.
TEST(PartFilledDomain, LeavesOtherGroupsWhatTheyHave) {
  for (std::string_view kind : {"ring", "hierarchical_ring", "tree"}) {
    const auto all = group_times(gb200(kind, 512));
    double fast = 0, slow = 1e9;
    for (std::size_t group = 0; group < 16; ++group)
      if (group < 8)
        fast = std::max(fast, all[group]);
      else
        slow = std::min(slow, all[group]);
    EXPECT_LT(2.9 * fast, slow) << kind;
    const auto whole = group_times(gb200(kind, 576));
    EXPECT_NEAR(fast, *std::ranges::max_element(whole), 0.05 * fast) << kind;
  }
}

/// Racks of a fleet that is counted are filled evenly, so that a few chips more do not cost four
/// times: all hold at least three of a group's ranks, and where they hold four, their NICs carry
/// it.
TEST(PartFilledDomain, IsNoneWhereRacksAreFilledEvenly) {
  for (std::int64_t chips : {508, 512, 520, 576, 600, 1024, 1080}) {
    const TopologyCase c(kind_named("ring"), {{"fleet.chips", fmt::format("GB200:{}", chips)}}, 2,
                         8, gradients, no_settings);
    const auto times = group_times(c);
    const double four = optimal_share(c.ranks()) * gradients / nic / 4;
    const bool fours = chips % 64 == 0 || chips == 1080;
    EXPECT_NEAR(*std::ranges::max_element(times), fours ? four : four * 4 / 3, 0.01 * four)
        << c.name;
  }
}

TEST(EveryKind, TakesAtLeastWhatItsRanksMustSend) {
  std::map<std::string_view, double> nearest;
  for (const TopologyKind* kind : topology_kinds()) {
    if (kind->name == "torus" || kind->name == "ocs_torus") continue;  // six links, not one NIC
    for (const char* chips : {"H100:2", "H100:9", "H100:16", "H100:17", "H100:24", "H100:29",
                              "GB200:73", "GB200:144", "GB200:508", "H100:13, GB200:75"})
      for (std::int64_t tensor : {1, 2}) {
        const TopologyCase c(*kind, {{"fleet.chips", chips}}, tensor, 1, 1e9, no_settings);
        const auto times = group_times(c);
        for (std::int64_t group = 0; group < c.groups(); ++group) {
          const double time = times[static_cast<std::size_t>(group)], least = least_time(c, group);
          EXPECT_GE(time, least) << c.name << ", group " << group;
          nearest[kind->name] = std::max(nearest[kind->name], least / time);
        }
      }
  }
  for (const auto& [kind, share] : nearest) EXPECT_GT(share, 0.45) << kind << " is never near";
}

/// The ports of two ranks carry half of the buffer up and half down: 1 GB takes a second at 1 GB/s.
TEST(Tree, OfTwoTakesWhatItsPortsAllow) {
  for (const char* chunks : {"1", "2", "64", "auto"}) {
    const TopologyCase c(kind_named("tree"),
                         {{"fleet.chips", "H100:2"},
                          {"fabric.hop_latency", "0s"},
                          {"fabric.hop_bandwidth", "1GB/s"},
                          {"topology.chunks", chunks}},
                         1, 1, 1e9, no_settings);
    EXPECT_NEAR(group_times(c)[0], 1, 1e-12) << chunks;
  }
  // Two domains of one rank, on which NCCL opens two channels: on two nodes each of its trees has a
  // bus of 41.4 GB/s, twice the rate at which it gets through a buffer.
  const TopologyCase apart(kind_named("tree"), {{"fleet.chips", "H100:16"}}, 8, 1, 4e9,
                           no_settings);
  EXPECT_NEAR(group_times(apart)[0], 4e9 / 41.4e9, 0.01 * 4 / 41.4);
}

}  // namespace
}  // namespace lockstep::test
