// topology.repatch: optical switches replace slow cables between cubes and no others.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

constexpr std::int64_t cube = 4;

/// Two groups side by side along x: chip x of group g is 2 rank + g.
std::unique_ptr<TopologyCase> two_groups(std::string_view repatch, const Sides& sides,
                                         Operation operation) {
  const Settings settings{{"fleet.chips", fmt::format("H100:{}", sides[0] * sides[1] * sides[2])},
                          {"topology.shape", fmt::format("{}", fmt::join(sides, "x"))},
                          {"topology.mapping", "model:2 data, data, data"},
                          {"topology.repatch", std::string(repatch)}};
  return std::make_unique<TopologyCase>(kind_named("ocs_torus"), settings, 2, 1, 1e6, no_settings,
                                        operation);
}

/// `factors` (3, groups, ranks), where a cable leads out of its owner's cube or, with `inside`,
/// stays in it; else 1. A chip's place is written out here from its group and rank.
std::vector<double> only(std::vector<double> factors, const Sides& sides, bool inside) {
  const std::int64_t ranks = sides[0] / 2 * sides[1] * sides[2];
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t rank = at % ranks, group = at / ranks % 2;
    const std::array<std::int64_t, 3> place{2 * (rank / (sides[1] * sides[2])) + group,
                                            rank / sides[2] % sides[1], rank % sides[2]};
    const bool leads_out = place[static_cast<std::size_t>(at / (2 * ranks))] % cube == cube - 1;
    if (leads_out == inside) factors[i] = 1;
  }
  return factors;
}

TEST(Repatch, CablesBetweenCubesAreAsHealthyOnesAndOthersStaySlow) {
  const Sides sides{8, 4, 12};
  for (Operation operation : all_operations) {
    const auto off = two_groups("off", sides, operation), on = two_groups("on", sides, operation);
    const std::vector<double> all = off->unequal_links(0.3, 11), ready = off->ready_times(1e-5, 12);
    const std::vector<double> between = only(all, sides, false), inside = only(all, sides, true);
    ASSERT_NE(between, inside);
    const auto finish = [&](const TopologyCase& c, const std::vector<double>& factors) {
      return c.run(MessageNoise{}, {factors, {}}, ready);
    };
    EXPECT_EQ(finish(*on, between), finish(*off, {})) << off->name;
    EXPECT_NE(finish(*off, between), finish(*off, {})) << off->name;
    EXPECT_EQ(finish(*on, inside), finish(*off, inside)) << off->name;
    EXPECT_NE(finish(*on, inside), finish(*off, {})) << off->name;
    EXPECT_EQ(finish(*on, all), finish(*off, inside)) << off->name;
    EXPECT_NE(finish(*off, all), finish(*off, inside)) << off->name;
    const std::vector<double> own = finish(*on, all);
    for (std::int64_t group = 0; group < on->groups(); ++group) {
      const auto first = static_cast<std::size_t>(group * on->ranks());
      const auto ranks = static_cast<std::size_t>(on->ranks());
      const std::vector<double> reference =
          on->collective->graph(group, {all, {}})
              .evaluate(std::span(ready).subspan(first, ranks), [](std::int64_t) { return 0.0; });
      for (std::size_t rank = 0; rank < ranks; ++rank)
        EXPECT_NEAR(own[first + rank], reference[rank], 1e-12 * reference[rank]) << on->name;
    }
  }
}

/// Without whole cubes there are no optical cables, and fixed wiring has no switches.
TEST(Repatch, ChangesNothingWithoutOpticalSwitches) {
  const Sides mesh{8, 4, 6};
  const auto off = two_groups("off", mesh, Operation::all_reduce);
  const auto on = two_groups("on", mesh, Operation::all_reduce);
  const std::vector<double> all = off->unequal_links(0.3, 13), ready = off->ready_times(0, 1);
  EXPECT_EQ(on->run(MessageNoise{}, {all, {}}, ready), off->run(MessageNoise{}, {all, {}}, ready));
  EXPECT_NE(on->run(MessageNoise{}, {all, {}}, ready), on->run(MessageNoise{}, {}, ready));
  for (const Parameter& row : kind_named("torus").parameters)
    EXPECT_NE(row.key, "topology.repatch");
}

}  // namespace
}  // namespace lockstep::test
