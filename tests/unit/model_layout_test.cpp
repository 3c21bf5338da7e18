#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/base/error.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep {
namespace {

using test::join;
using test::scenario_values;
using testing::HasSubstr;

struct Arranged {
  Fleet fleet;
  Placement placement;
  Layout layout;
};

Arranged arranged(std::string_view lines, std::int64_t tensor, std::int64_t pipeline,
                  std::uint64_t seed = 1, std::int64_t most = 1 << 30) {
  Arranged a;
  a.fleet = fleet_from(scenario_values(lines));
  a.placement = place(a.fleet, seed);
  a.layout = arrange(a.fleet, a.placement, tensor, pipeline, most);
  return a;
}

/// Random identity of the chip at each slot.
std::vector<std::pair<std::uint32_t, std::uint32_t>> identities(const Arranged& a) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> all;
  for (std::size_t s = 0; s < a.placement.index.size(); ++s)
    all.emplace_back(a.fleet.generations[a.placement.generation[s]].identity, a.placement.index[s]);
  return all;
}

constexpr const char* placements[] = {"fleet.placement=blocked", "fleet.placement=interleaved",
                                      "fleet.placement=random"};

TEST(Layout, FillsReplicasInOrderTensorFirst) {
  const Layout layout = arranged("fleet.chips=H100:26", 2, 3).layout;
  EXPECT_EQ(layout.replicas, 4);
  EXPECT_EQ(layout.idle_chips, 2);
  EXPECT_EQ(layout.groups(), 6);
  for (std::int64_t r = 0; r < 4; ++r)
    for (std::int64_t l = 0; l < 6; ++l) {
      const auto i = static_cast<std::size_t>(layout.at(l, r));
      EXPECT_EQ(layout.slot[i], 6 * r + l);
      EXPECT_EQ(layout.domain[i], (6 * r + l) / 8);
    }
}

TEST(Layout, GroupsStayInOneGenerationAndLeaveTheRestIdle) {
  for (const char* placement : placements) {
    SCOPED_TRACE(placement);
    const Arranged a = arranged(join("fleet.chips=H100:21, H200:13, GB200:3", placement), 2, 2);
    EXPECT_EQ(replicas_that_fit(a.fleet, 4), 8);
    EXPECT_EQ(a.layout.replicas, 5 + 3);
    EXPECT_EQ(a.layout.straddling, 0);
    EXPECT_EQ(a.layout.idle_chips, 1 + 1 + 3);
    for (std::int64_t r = 0; r < a.layout.replicas; ++r)
      for (std::int64_t l = 1; l < 4; ++l)
        EXPECT_EQ(a.layout.generation[static_cast<std::size_t>(a.layout.at(l, r))],
                  a.layout.generation[static_cast<std::size_t>(a.layout.at(0, r))]);
  }
}

TEST(Layout, GroupsStraddleWhereNoGenerationFillsOne) {
  const Arranged a = arranged("fleet.chips=H100:5, H200:5, GB200:3", 2, 3);
  EXPECT_EQ(replicas_that_fit(a.fleet, 6), 2);
  EXPECT_EQ(a.layout.replicas, 2);
  EXPECT_EQ(a.layout.straddling, 2);
  EXPECT_EQ(a.layout.idle_chips, 1);
  // One chip more fills a group, and the others no longer straddle.
  const Arranged b = arranged("fleet.chips=H100:6, H200:5, GB200:3", 2, 3);
  EXPECT_EQ(b.layout.replicas, 1);
  EXPECT_EQ(b.layout.straddling, 0);
  EXPECT_EQ(b.layout.idle_chips, 8);
}

TEST(Layout, NoChipSitsTwice) {
  for (const char* placement : placements) {
    SCOPED_TRACE(placement);
    const Arranged a = arranged(join("fleet.chips=H100:100, GB200:150", placement), 2, 4);
    const std::set<std::int32_t> slots(a.layout.slot.begin(), a.layout.slot.end());
    EXPECT_EQ(slots.size(), a.layout.slot.size());
    std::set<std::pair<std::uint32_t, std::uint32_t>> chips;
    for (std::size_t i = 0; i < a.layout.slot.size(); ++i)
      chips.emplace(a.layout.entity_high[i], a.layout.entity_low[i]);
    EXPECT_EQ(chips.size(), a.layout.slot.size());
    // Replicas stand in the order of their first chips.
    for (std::int64_t r = 1; r < a.layout.replicas; ++r)
      EXPECT_LT(a.layout.slot[static_cast<std::size_t>(a.layout.at(0, r - 1))],
                a.layout.slot[static_cast<std::size_t>(a.layout.at(0, r))]);
  }
}

TEST(Layout, ReplicasBeyondTheTopologysUseStayIdle) {
  const Layout layout = arranged("fleet.chips=H100:40", 2, 2, 1, 7).layout;
  EXPECT_EQ(layout.replicas, 7);
  EXPECT_EQ(layout.idle_chips, 12);
  EXPECT_EQ(*std::max_element(layout.slot.begin(), layout.slot.end()), 27);
}

TEST(Layout, MoreModelParallelChipsThanTheFleetIsRefused) {
  try {
    arranged("fleet.chips=H100:127", 8, 16);
    ADD_FAILURE() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("8 x 16 = 128"));
    EXPECT_THAT(error.what(), HasSubstr("127"));
  }
}

TEST(Placement, BlockedKeepsTheStudysOrder) {
  const Arranged a = arranged("fleet.chips=GB200:74, H100:9", 1, 1);
  for (std::size_t s = 0; s < 83; ++s) {
    EXPECT_EQ(a.placement.generation[s], s < 74 ? 0 : 1);
    EXPECT_EQ(a.placement.index[s], s < 74 ? s : s - 74);
  }
  EXPECT_EQ(a.placement.domain[35], 0);  // 19 nodes of 4, the last one of 2, in two racks
  EXPECT_EQ(a.placement.domain[36], 1);
  EXPECT_EQ(a.placement.domain[74], 2);
  EXPECT_EQ(a.placement.domain[82], 3);
}

// Racks are as many as it takes, none has a node more than another: nobody builds seven full ones
// and one with eight chips.
TEST(Placement, FillsRacksEvenlyInWholeNodes) {
  for (int chips : {4, 72, 76, 508, 512, 1024, 1080, 20000}) {
    const Arranged a = arranged(fmt::format("fleet.chips=GB200:{}", chips), 1, 1);
    std::map<std::int32_t, int> racks;
    for (std::int32_t rack : a.placement.domain) ++racks[rack];
    EXPECT_EQ(std::ssize(racks), (chips + 71) / 72) << chips;
    int least = 72, most = 0;
    for (const auto& [rack, held] : racks) {
      EXPECT_EQ(held % 4, 0) << chips;
      least = std::min(least, held);
      most = std::max(most, held);
    }
    EXPECT_LE(most, 72) << chips;
    EXPECT_LE(most - least, 4) << chips;
  }
}

TEST(Placement, KeepsDomainsTogether) {
  for (const char* placement : placements) {
    SCOPED_TRACE(placement);
    const Arranged a = arranged(join("fleet.chips=H100:1024, GB200:720", placement), 1, 1);
    ASSERT_EQ(a.placement.slots(), 1744);
    std::map<std::int32_t, std::int64_t> size;
    for (std::size_t s = 0; s < a.placement.domain.size(); ++s) {
      EXPECT_GE(a.placement.domain[s], s > 0 ? a.placement.domain[s - 1] : 0);
      const bool same = s > 0 && a.placement.domain[s] == a.placement.domain[s - 1];
      if (same) {
        EXPECT_EQ(a.placement.generation[s], a.placement.generation[s - 1]);
      }
      if (same) {
        EXPECT_EQ(a.placement.index[s], a.placement.index[s - 1] + 1);
      }
      ++size[a.placement.domain[s]];
    }
    EXPECT_EQ(size.size(), 128u + 10u);
  }
}

// At every cut the share of each generation before it is within one domain of its share overall.
TEST(Placement, InterleavedSpreadsEvenly) {
  const std::string_view chips = "fleet.chips=H100:800, H200:240, A100:64";
  const auto worst = [&](const char* placement) {
    const Arranged a = arranged(join(chips, placement), 1, 1);
    std::map<int, double> seen;
    double most = 0, domains = 0;
    for (std::size_t s = 0; s < a.placement.generation.size(); s += 8) {
      seen[a.placement.generation[s]] += 1;
      domains += 1;
      for (int g = 0; g < 3; ++g) {
        const double share =
            static_cast<double>(a.fleet.generations[static_cast<std::size_t>(g)].chips) / 1104;
        most = std::max(most, std::fabs(seen[g] - share * domains));
      }
    }
    return most;
  };
  EXPECT_LE(worst(placements[1]), 1.0 + 1e-9);
  EXPECT_GT(worst(placements[0]), 10) << "blocked passes too: the check cannot fail";
  EXPECT_GT(worst(placements[2]), 2) << "random passes too: the check cannot fail";
}

TEST(Placement, RandomIsAPermutationOfTheSeed) {
  const std::string lines = join("fleet.chips=H100:2048, H200:2048", placements[2]);
  const auto one = identities(arranged(lines, 1, 1, 11));
  const auto again = identities(arranged(lines, 1, 1, 11));
  const auto other = identities(arranged(lines, 1, 1, 12));
  const auto blocked = identities(arranged(join(lines, placements[0]), 1, 1, 11));
  EXPECT_EQ(one, again);
  EXPECT_NE(one, other);
  EXPECT_NE(one, blocked);
  const auto sorted = [](auto list) {
    std::sort(list.begin(), list.end());
    return list;
  };
  EXPECT_EQ(sorted(one), sorted(blocked));
  EXPECT_EQ(sorted(other), sorted(blocked));
  // H100 domains come before and after H200 ones: in 512 draws the first half holds 128 of each
  // with a standard deviation of 5.7.
  const auto h100 = arranged(lines, 1, 1).fleet.generations[0].identity;
  const auto half = static_cast<double>(
      std::count_if(one.begin(), one.begin() + 2048, [&](auto c) { return c.first == h100; }));
  EXPECT_NEAR(half / 8, 128, 5 * 5.7);
}

TEST(Identity, DoesNotDependOnPlacementOrTheRestOfTheFleet) {
  const Fleet alone = fleet_from(scenario_values("fleet.chips=H100:64"));
  const Fleet mixed = fleet_from(scenario_values("fleet.chips=GB200:72, H200:8, H100:64"));
  EXPECT_EQ(alone.generations[0].identity, mixed.generations[2].identity);
  const auto h100_of = [](std::string_view lines, std::int64_t tensor) {
    const Arranged a = arranged(lines, tensor, 1);
    std::set<std::pair<std::uint32_t, std::uint32_t>> chips;
    for (std::size_t i = 0; i < a.layout.slot.size(); ++i)
      if (a.fleet.generations[a.layout.generation[i]].chip.name == "H100")
        chips.emplace(a.layout.entity_high[i], a.layout.entity_low[i]);
    return chips;
  };
  const auto reference = h100_of("fleet.chips=H100:64", 1);
  EXPECT_EQ(reference.size(), 64u);
  for (const char* placement : placements)
    for (std::int64_t tensor : {1, 4})
      EXPECT_EQ(h100_of(join("fleet.chips=GB200:72, H200:8, H100:64", placement), tensor),
                reference);
  // The first 64 chips of a larger fleet are those of the smaller one.
  const auto larger = h100_of("fleet.chips=H100:128", 1);
  EXPECT_TRUE(std::includes(larger.begin(), larger.end(), reference.begin(), reference.end()));
}

TEST(Identity, DiffersBetweenGenerationsAndFitsItsBits) {
  std::set<std::uint32_t> seen;
  for (const Chip& chip : chip_catalogue()) {
    const Fleet fleet = fleet_from(scenario_values("fleet.chips=" + std::string(chip.name) + ":8"));
    EXPECT_LT(fleet.generations[0].identity, 1u << 24);
    EXPECT_TRUE(seen.insert(fleet.generations[0].identity).second) << chip.name;
  }
  EXPECT_GT(seen.size(), 5u);
}

TEST(FleetFrom, ReadsCounts) {
  const Fleet fleet = fleet_from(scenario_values("fleet.chips= H100 : 1e3 ,GB200:72"));
  ASSERT_EQ(fleet.generations.size(), 2u);
  EXPECT_EQ(fleet.generations[0].chip.name, "H100");
  EXPECT_EQ(fleet.generations[0].chips, 1000);
  EXPECT_EQ(fleet.chips(), 1072);
  EXPECT_DOUBLE_EQ(fleet.peak(), 1000 * 989.4e12 + 72 * 2500e12);
}

TEST(FleetFrom, RefusesWhatIsNoFleet) {
  const std::pair<const char*, const char*> cases[] = {
      {"H100:0", "'0' chips of H100"},
      {"H100:1.5", "'1.5' chips of H100"},
      {"H100:-3", "'-3' chips of H100"},
      {"H100:nan", "'nan' chips of H100"},
      {"H100:1e9", "16777216"},
      {"H100:16777216, H200:1", "adds up to 16777217"},
      {"H100:8x", "'8x' chips of H100"},
      {"H100", "'H100' has no count"},
      {":8",
       "':8' names no generation (a generation's name, a colon and a whole number of chips are "
       "due; commas part generations) write for example H100:1024"},
      {":x", "write for example H100:1024"},
      {"98304xH100", "write fleet.chips = H100:98304"},
      {"98304 H100", "write fleet.chips = H100:98304"},
      {"nan", "'nan' has no count"},
      {"8", "'8' names no generation"},
      {"1e6", "'1e6' names no generation"},
      {":", "names no generation"},
      {"H100:8,", "'' has no count"},
      {"H100:8, H100:8", "H100 twice"},
      {"H1O0:8", "did you mean H100?"},
      {"Frontier:8", "[chip.Frontier]"},
  };
  for (const auto& [chips, fragment] : cases) {
    SCOPED_TRACE(chips);
    try {
      fleet_from(scenario_values("fleet.chips=" + std::string(chips)));
      ADD_FAILURE() << "accepted";
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr(fragment));
    }
  }
  EXPECT_THROW(fleet_from(scenario_values("")), InputError);
}

}  // namespace
}  // namespace lockstep
