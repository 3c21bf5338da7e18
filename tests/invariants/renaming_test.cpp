// The same thing under another name: the order in which the sides of a torus, the generations of a
// fleet or the dimensions of a job are given, and what they are called, change no time.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

using Sides = std::array<std::int64_t, 3>;

std::string text_of(const Sides& sides) {
  return fmt::format("{}x{}x{}", sides[0], sides[1], sides[2]);
}

double last_finish(const TopologyCase& c) {
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  // What the plain statement says too, where it is not long.
  if (c.ranks() > 70) return *std::ranges::max_element(finish);
  for (std::int64_t group : {std::int64_t{0}, c.groups() - 1}) {
    const std::vector<double> ready(static_cast<std::size_t>(c.ranks()), 0.0);
    const auto by_graph =
        c.collective->graph(group, {}).evaluate(ready, [](std::int64_t) { return 0.0; });
    for (std::int64_t rank = 0; rank < c.ranks(); ++rank)
      EXPECT_NEAR(finish[static_cast<std::size_t>(group * c.ranks() + rank)],
                  by_graph[static_cast<std::size_t>(rank)], 1e-12 * by_graph[0])
          << c.name;
  }
  return *std::ranges::max_element(finish);
}

double torus_time(std::string_view kind, const Sides& sides, std::int64_t tensor, double bytes,
                  Settings settings) {
  settings.emplace_back("fleet.chips", fmt::format("H100:{}", sides[0] * sides[1] * sides[2]));
  settings.emplace_back("topology.shape", text_of(sides));
  return last_finish(TopologyCase(kind_named(kind), settings, tensor, 1, bytes, no_settings));
}

Settings hops(double latency, double bandwidth) {
  return {{"fabric.hop_latency", fmt::format("{:.17g}s", latency)},
          {"fabric.hop_bandwidth", fmt::format("{:.17g}B/s", bandwidth)}};
}

/// Times of all orders of some sides, the shortest first.
template <class Time>
std::vector<double> of_all_orders(Sides sides, const Time& time) {
  std::vector<double> times;
  std::ranges::sort(sides);
  do {
    times.push_back(time(sides));
  } while (std::ranges::next_permutation(sides).found);
  std::ranges::sort(times);
  return times;
}

/// 59/180 s: all links busy to the end, where even shares of the orders take 16/45 s.
TEST(Renaming, TorusOf60InNumbers) {
  const auto times = of_all_orders(
      {3, 4, 5}, [](const Sides& s) { return torus_time("torus", s, 1, 1e9, hops(0, 1e9)); });
  ASSERT_EQ(times.size(), 6u);
  for (double time : times) EXPECT_NEAR(time, 59.0 / 60 / 3, 1e-9);
}

TEST(Renaming, SidesOfATorusInAnyOrder) {
  std::int64_t unequal = 0;
  for (std::string_view kind : {"torus", "ocs_torus"})
    for (const Sides& sides : std::vector<Sides>{{3, 4, 5},
                                                 {2, 3, 7},
                                                 {4, 4, 8},
                                                 {2, 9, 9},
                                                 {1, 4, 16},
                                                 {1, 1, 7},
                                                 {2, 2, 2},
                                                 {5, 7, 11}})
      for (double latency : {0.0, 1e-6, 1e-4})
        for (double bytes : {0.0, 7.0, 1e6, 1e9}) {
          const auto times = of_all_orders(sides, [&](const Sides& s) {
            return torus_time(kind, s, 1, bytes, hops(latency, 10e9));
          });
          EXPECT_NEAR(times.front(), times.back(), 1e-12 * times.back())
              << kind << " " << text_of(sides) << " " << latency << " s, " << bytes << " B";
          unequal += times.size() == 6;
        }
  EXPECT_GT(unequal, 50);
}

/// Model-parallel boxes: which sides they take must follow the sides, not their places.
TEST(Renaming, SidesOfATorusOfBoxesInAnyOrder) {
  std::int64_t compared = 0;
  for (const Sides& sides :
       std::vector<Sides>{{4, 8, 8}, {4, 4, 8}, {4, 6, 12}, {2, 4, 12}, {3, 4, 12}, {8, 8, 4}})
    for (std::int64_t tensor : {2, 4, 8, 12, 24})
      for (double bytes : {1e3, 1e9}) {
        if (sides[0] * sides[1] * sides[2] % tensor != 0) continue;
        const auto times = of_all_orders(sides, [&](const Sides& s) {
          return torus_time("torus", s, tensor, bytes,
                            {{"fabric.link_latency", "1us"}, {"fabric.link_bandwidth", "50GB/s"}});
        });
        EXPECT_NEAR(times.front(), times.back(), 1e-12 * times.back())
            << text_of(sides) << ", tensor " << tensor << ", " << bytes << " B";
        ++compared;
      }
  EXPECT_GT(compared, 30);
}

TEST(Renaming, TorusOfUnequalSidesWithinItsBounds) {
  const UniformHops hop{1e-6, 10e9, 1e8};
  for (const Sides& sides : std::vector<Sides>{{3, 4, 5}, {2, 3, 7}, {16, 20, 28}, {4, 4, 16}}) {
    const double time = torus_time("torus", sides, 1, hop.bytes, hops(hop.latency, hop.bandwidth));
    double steps = 0, ranks = 1;
    for (std::int64_t side : sides) {
      steps += 2 * static_cast<double>(side - 1);
      ranks *= static_cast<double>(side);
    }
    EXPECT_GE(time, steps * hop.latency);
    EXPECT_GE(time, 2 * (1 - 1 / ranks) * hop.bytes / (6 * hop.bandwidth));
  }
}

/// Two generations under each other's names, listed the other way round, and one under two names.
TEST(Renaming, GenerationsInAnyOrderUnderAnyName) {
  for (const TopologyKind* kind : topology_kinds()) {
    const auto time = [&](const char* chips, std::string_view first, std::string_view second) {
      Settings settings{{"fleet.chips", chips}, {"fabric.protocol", "Simple"}};
      for (std::string_view name : {first, second}) {
        const bool fast = name == first;
        settings.emplace_back(fmt::format("chip.{}.scale_up_domain", name), "8");
        settings.emplace_back(fmt::format("chip.{}.node", name), "8");
        settings.emplace_back(fmt::format("chip.{}.scale_up_bandwidth", name), "400GB/s");
        settings.emplace_back(fmt::format("chip.{}.injection_bandwidth", name),
                              fast ? "50GB/s" : "40GB/s");
      }
      return last_finish(TopologyCase(*kind, settings, 4, 4, 1e8, no_settings));
    };
    const double mixed = time("H100:256, H200:256", "H100", "H200");
    EXPECT_NEAR(mixed, time("H200:256, H100:256", "H200", "H100"), 1e-12 * mixed) << kind->name;
    EXPECT_NEAR(mixed, time("H200:256, H100:256", "H100", "H200"), 1e-12 * mixed) << kind->name;
  }
}

/// tensor x pipeline is one box of chips, however it is split.
TEST(Renaming, TensorAndPipelineInTheOtherOrder) {
  for (const TopologyKind* kind : topology_kinds())
    for (const char* chips : {"H100:512", "GB200:576"}) {
      const auto time = [&](std::int64_t tensor, std::int64_t pipeline) {
        return last_finish(
            TopologyCase(*kind, {{"fleet.chips", chips}}, tensor, pipeline, 1e8, no_settings));
      };
      EXPECT_EQ(time(2, 8), time(8, 2)) << kind->name;
      EXPECT_EQ(time(2, 8), time(16, 1)) << kind->name;
    }
}

/// Who is called rank 0 does not matter to a ring.
TEST(Renaming, RanksOfARingTurnedRound) {
  const TopologyCase c(kind_named("ring"),
                       {{"fleet.chips", "H100:37"},
                        {"fabric.hop_latency", "3us"},
                        {"fabric.hop_bandwidth", "10GB/s"}},
                       1, 1, 1e7, no_settings);
  const auto ready = c.ready_times(1e-3, 5);
  const auto finish = c.run(MessageNoise{}, {}, ready);
  for (std::ptrdiff_t turn : {1, 5, 36}) {
    auto turned = ready, expected = finish;
    std::rotate(turned.begin(), turned.begin() + turn, turned.end());
    std::rotate(expected.begin(), expected.begin() + turn, expected.end());
    const auto found = c.run(MessageNoise{}, {}, turned);
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], 1e-12 * expected[i]) << turn;
  }
}

}  // namespace
}  // namespace lockstep::test
