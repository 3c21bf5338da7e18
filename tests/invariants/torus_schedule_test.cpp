// Tori against theory: published times, the bandwidth bound, the even split, slices.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/invariants/topology_rows.hpp"
#include "tests/unit/any_purpose.hpp"
#include "topologies/algorithms/torus/linear_program.hpp"
#include "topologies/algorithms/torus/torus_schedule.hpp"

namespace lockstep::test {
namespace {

constexpr std::uint64_t seed = 20260311;

/// All ready at 0: when the last has finished [s].
double time_of(const TopologyCase& c) {
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  return *std::max_element(finish.begin(), finish.end());
}

double torus_time(std::string_view shape, std::int64_t chips, Operation operation,
                  std::string_view latency, Settings settings = {}) {
  settings.insert(settings.begin(), {{"fleet.chips", fmt::format("TPUv4:{}", chips)},
                                     {"topology.shape", std::string(shape)},
                                     {"fabric.link_bandwidth", "45GB/s"},
                                     {"fabric.link_latency", std::string(latency)}});
  return time_of(TopologyCase(kind_named("torus"), settings, 1, 1, 1e9, no_settings, operation));
}

/// 1 GB at 45 GB/s a link: 2 (P - 1) / P n / (2 k w) and 1 us a hop, by hand [ms].
TEST(TorusSchedule, KnownTimesOfWholeTori) {
  struct Known {
    const char* shape;
    std::int64_t chips;
    double carries, hops;  // of a reduce-scatter [ms], [us]
  };
  for (const Known& k : std::vector<Known>{{"1x1x4", 4, 8.3333333, 3},
                                           {"1x1x16", 16, 10.4166667, 15},
                                           {"1x4x4", 16, 5.2083333, 6},
                                           {"1x16x16", 256, 5.5338542, 30},
                                           {"4x4x4", 64, 3.6458333, 9},
                                           {"8x8x8", 512, 3.6964699, 21},
                                           {"16x16x16", 4096, 3.7027995, 45}}) {
    for (Operation operation : {Operation::reduce_scatter, Operation::all_gather}) {
      EXPECT_NEAR(1e3 * torus_time(k.shape, k.chips, operation, "0s"), k.carries, 1e-6 * k.carries);
      EXPECT_NEAR(1e3 * torus_time(k.shape, k.chips, operation, "1us"), k.carries + 1e-3 * k.hops,
                  1e-6 * k.carries);
    }
    EXPECT_NEAR(1e3 * torus_time(k.shape, k.chips, Operation::all_reduce, "1us"),
                2 * (k.carries + 1e-3 * k.hops), 1e-6 * k.carries);
  }
}

/// 63 / 64 of the buffer over two dimensions both ways, where even shares carry 75 / 128.
TEST(TorusSchedule, UnequalSidesReachTheBandwidthBound) {
  const double bound = 63.0 / 64 / 4 * 1e9 / 45e9;
  for (const char* shape : {"1x4x16", "16x1x4"}) {
    EXPECT_NEAR(torus_time(shape, 64, Operation::reduce_scatter, "0s"), bound, 1e-6 * bound);
    EXPECT_NEAR(torus_time(shape, 64, Operation::all_reduce, "0s"), 2 * bound, 1e-6 * bound);
  }
}

/// 405e9 parameters of 4 B over 128 chips, on a sixth of an H100's NIC a link [s].
TEST(TorusSchedule, MappingsOfAModelOver220000Chips) {
  struct Known {
    const char *shape, *mapping;
    std::int64_t chips;
    double slow, fast;  // at 8.33 and 50 GB/s a link; 0: not known
  };
  for (const Known& k : std::vector<Known>{
           {"128x41x41", "model, data, data", 215168, 0.761, 0.127},
           {"8x16x1716", "model, model, data", 219648, 1.52, 0.256},
           {"48x52x88", "model:4 data, model:4 data, model:8 data", 219648, 2.43, 0}}) {
    const auto time = [&](const char* bandwidth) {
      const Settings settings{{"fleet.chips", fmt::format("H100:{}", k.chips)},
                              {"topology.shape", k.shape},
                              {"topology.mapping", k.mapping},
                              {"fabric.link_bandwidth", bandwidth}};
      return time_of(TopologyCase(kind_named("torus"), settings, 8, 16, 12.65625e9, no_settings));
    };
    EXPECT_NEAR(time("8.3333333GB/s"), k.slow, 0.003 * k.slow) << k.shape;
    if (k.fast > 0) {
      EXPECT_NEAR(time("50GB/s"), k.fast, 0.004 * k.fast) << k.shape;
    }
  }
}

/// Dimensions of a case, on rings but for one in five, latency 0 in one of four.
class Case {
 public:
  Case(std::uint32_t number, bool cubes) : stream_{seed, any_purpose, number} {
    for (std::size_t d = 0; d < 3; ++d)
      dimensions[d] = {
          cubes ? 4 * integer(1, 16) : integer(1, 20), number % 4 == 0 || cubes ? 0 : 1e-6,
          static_cast<double>(cubes ? 1 : integer(1, 8)) / 50e9, cubes || uniform() > 0.2};
  }
  double uniform() { return stream_.uniform(0, draw_++); }
  std::int64_t integer(std::int64_t from, std::int64_t to) {
    return from + static_cast<std::int64_t>(uniform() * static_cast<double>(to - from + 1));
  }
  /// All-reduce: the least that the links together must carry of n bytes [s].
  double bound(double n) const {
    double ranks = 1, through = 0;
    for (const TorusDimension& d : dimensions) {
      if (d.side == 1) continue;
      ranks *= static_cast<double>(d.side);
      through += (d.ring ? 2 : 1) / d.rate;
    }
    return through > 0 ? 2 * (ranks - 1) / ranks * n / through : 0;
  }
  /// The same by even shares over one of the two cycles, each round a barrier but for the links:
  /// every order waits for its own part and for its link, nothing else [s].
  double even_time(double n, bool reversed) const {
    std::vector<TorusDimension> sides;
    for (const TorusDimension& d : dimensions)
      if (d.side > 1) sides.push_back(d);
    if (reversed) std::ranges::reverse(sides);
    const std::size_t k = sides.size();
    bool rings = false;
    for (const TorusDimension& d : sides) rings = rings || d.ring;
    const double halves = rings ? 2 : 1;
    std::vector<double> part(k, 0.0), link(k, -1e9);
    for (std::size_t round = 0; round < 2 * k; ++round)
      for (std::size_t i = 0; i < k; ++i) {
        const std::size_t order = round < k ? i : k - 1 - i;
        const std::size_t depth = round < k ? round : 2 * k - 1 - round;
        double bytes = n / static_cast<double>(k) / halves;
        for (std::size_t j = 0; j <= depth; ++j)
          bytes /= static_cast<double>(sides[(order + j) % k].side);
        const std::size_t d = (order + depth) % k;
        const double row = sides[d].latency + bytes * sides[d].rate;
        const double once = static_cast<double>(sides[d].side - 1) * row;
        // On a line the other half follows on the same links.
        const bool twice = !sides[d].ring && halves == 2;
        const bool turned = round == k && sides[d].ring;
        const double begin =
            turned ? part[order] : std::max(part[order], link[d] - sides[d].latency);
        part[order] = link[d] = begin + once + (twice ? once - sides[d].latency : 0);
      }
    return k == 0 ? 0 : *std::ranges::max_element(part);
  }

  TorusDimensions dimensions;

 private:
  Stream stream_;
  std::uint32_t draw_ = 0;
};

TEST(TorusSchedule, WithinOnePercentOfTheBoundOnWholeCubes) {
  int even_is_not = 0;
  for (std::uint32_t number = 0; number < 200; ++number) {
    const Case c(number, true);
    const TorusSchedule schedule(Operation::all_reduce, 1e9, c.dimensions);
    const double bound = c.bound(1e9);
    ASSERT_GE(schedule.noise_free_time(), bound * (1 - 1e-9)) << number;
    ASSERT_LE(schedule.noise_free_time(), bound * 1.011) << number;
    even_is_not += std::min(c.even_time(1e9, false), c.even_time(1e9, true)) > bound * 1.02;
  }
  EXPECT_GT(even_is_not, 50);
}

TEST(TorusSchedule, NeverSlowerThanEvenShares) {
  int faster = 0;
  for (std::uint32_t number = 1000; number < 1400; ++number) {
    const Case c(number, false);
    for (double bytes : {0.0, 1e4, 1e9}) {
      const TorusSchedule schedule(Operation::all_reduce, bytes, c.dimensions);
      const double even = std::min(c.even_time(bytes, false), c.even_time(bytes, true));
      ASSERT_LE(schedule.noise_free_time(), even * (1 + 1e-9)) << number << ", " << bytes << " B";
      ASSERT_GE(schedule.noise_free_time(), c.bound(bytes) * (1 - 1e-9)) << number;
      faster += schedule.noise_free_time() < 0.99 * even;
    }
  }
  EXPECT_GT(faster, 100);
}

/// m d / (8 w) along the longest ring, twice that along a line; 1 MB, by hand [us].
TEST(TorusSchedule, AllToAllKnownTimes) {
  struct Known {
    const char *kind, *shape;
    std::int64_t chips;
    double time;
  };
  for (const Known& k : std::vector<Known>{{"torus", "4x4x4", 64, 11.1111111},
                                           {"torus", "8x8x8", 512, 22.2222222},
                                           {"torus", "16x16x16", 4096, 44.4444444},
                                           {"torus", "1x1x5", 5, 13.3333333},
                                           {"ocs_torus", "1x1x2", 2, 11.1111111},
                                           {"ocs_torus", "2x2x2", 8, 11.1111111}}) {
    const Settings settings{{"fleet.chips", fmt::format("H100:{}", k.chips)},
                            {"topology.shape", k.shape},
                            {"fabric.link_bandwidth", "45GB/s"},
                            {"fabric.link_latency", "0s"}};
    const double time = time_of(
        TopologyCase(kind_named(k.kind), settings, 1, 1, 1e6, no_settings, Operation::all_to_all));
    EXPECT_NEAR(1e6 * time, k.time, 1e-6 * k.time) << k.shape;
  }
  const double flat = torus_time("4x4x8", 128, Operation::all_to_all, "0s") * 1e-3;
  EXPECT_GE(flat, 22.2222222e-6 * (1 - 1e-9));
  EXPECT_LE(flat, 22.2222222e-6 * 1.011);
}

/// One hop, two where a line of four ends, three at the end of a plane; on a mesh all the way back.
TEST(TorusSchedule, SendsToTheNextRank) {
  const auto finish = [](const char* kind, const char* shape, std::int64_t chips) {
    const Settings settings{{"fleet.chips", fmt::format("H100:{}", chips)},
                            {"topology.shape", shape},
                            {"fabric.link_bandwidth", "50GB/s"},
                            {"fabric.link_latency", "1us"}};
    const TopologyCase c(kind_named(kind), settings, 1, 1, 50e3, no_settings, Operation::send);
    return c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  };
  const auto ring = finish("torus", "4x4x4", 64), mesh = finish("ocs_torus", "1x3x3", 9);
  for (std::size_t rank = 1; rank < 64; ++rank)
    EXPECT_NEAR(ring[rank], rank % 16 == 0 ? 4e-6 : rank % 4 == 0 ? 3e-6 : 2e-6, 1e-12) << rank;
  for (std::size_t rank = 1; rank < 9; ++rank)
    EXPECT_NEAR(mesh[rank], rank % 3 == 0 ? 4e-6 : 2e-6, 1e-12) << rank;
  EXPECT_EQ(ring[0], 0);
}

/// Reduce-scatter inside, all-reduce across by a ring, all-gather inside: by hand. A NIC
/// is as busy either way round.
TEST(TorusSchedule, SlicesOverADataCentreNetwork) {
  const double inside = 2 * (3.6458333e-3 + 9e-6), across = 2 * 0.5 * 1e9 / 64 / 6.25e9 + 2 * 10e-6;
  const double time = torus_time("4x4x4", 128, Operation::all_reduce, "1us",
                                 {{"topology.slices", "2"}, {"fabric.dcn_bandwidth", "50Gbit/s"}});
  EXPECT_NEAR(time, inside + across, 1e-6 * time);
  const double four = torus_time("4x4x4", 256, Operation::all_reduce, "1us",
                                 {{"topology.slices", "4"}, {"fabric.dcn_latency", "0s"}});
  EXPECT_NEAR(four, inside + 2 * 0.75 * 1e9 / 64 / 6.25e9, 1e-6 * four);
}

/// A textbook problem: max 3x + 5y, x <= 4, 2y <= 12, 3x + 2y <= 18 has (2, 6).
TEST(LinearProgram, Textbook) {
  LinearProgram program({3, 5});
  program.add({1, 0}, 4);
  program.add({0, 2}, 12);
  program.add({3, 2}, 18);
  const auto x = program.solve();
  EXPECT_NEAR(x.at(0), 2, 1e-12);
  EXPECT_NEAR(x.at(1), 6, 1e-12);
}

/// Beale's, which goes round in circles without a rule against it: optimum 0.05 at (1/25, 0, 1, 0).
TEST(LinearProgram, DegenerateOnesEnd) {
  LinearProgram program({0.75, -150, 0.02, -6});
  program.add({0.25, -60, -0.04, 9}, 0);
  program.add({0.5, -90, -0.02, 3}, 0);
  program.add({0, 0, 1, 0}, 1);
  const auto x = program.solve();
  EXPECT_NEAR(0.75 * x.at(0) - 150 * x.at(1) + 0.02 * x.at(2) - 6 * x.at(3), 0.05, 1e-12);
}

}  // namespace
}  // namespace lockstep::test
