// The tori that jobs of TPUs get: shapes, rings, and slices above the largest torus.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "engine/base/error.hpp"
#include "tests/invariants/topology_rows.hpp"
#include "tests/unit/any_purpose.hpp"

namespace lockstep::test {
namespace {

using testing::HasSubstr;

std::unique_ptr<TopologyCase> case_of(std::string_view kind, std::string_view chip,
                                      std::int64_t chips, Settings settings = {},
                                      std::int64_t tensor = 1) {
  settings.insert(settings.begin(), {"fleet.chips", fmt::format("{}:{}", chip, chips)});
  return std::make_unique<TopologyCase>(kind_named(kind), settings, tensor, 1, 1e9, no_settings);
}

std::vector<double> finish_of(const TopologyCase& c) {
  return c.run(MessageNoise{}, {}, c.ready_times(0, 1));
}

double time_of(const TopologyCase& c) {
  const auto finish = finish_of(c);
  return *std::max_element(finish.begin(), finish.end());
}

std::string refusal(std::string_view kind, std::string_view chip, std::int64_t chips,
                    const Settings& settings, std::int64_t tensor = 1) {
  try {
    return "taken: " + case_of(kind, chip, chips, settings, tensor)->collective->choice();
  } catch (const InputError& error) {
    return error.what();
  }
}

/// Chips at hand and the torus of them, as Google Cloud's documentation and the TPU v4 paper have
/// the shapes and the largest of each generation.
TEST(Pods, TakeTheLargestTorusThereIs) {
  struct Known {
    const char *kind, *chip;
    std::int64_t chips;
    const char* choice;
    std::int64_t used;
  };
  for (const Known& k : std::vector<Known>{
           {"ocs_torus", "TPUv4", 3, "1x1x1", 1},
           {"ocs_torus", "TPUv4", 7, "2x2x1 mesh", 4},
           {"ocs_torus", "TPUv5p", 15, "2x2x2 mesh", 8},
           {"ocs_torus", "TPUv5p", 31, "2x2x4 mesh", 16},
           {"ocs_torus", "TPU7x", 63, "2x4x4 mesh", 32},
           {"ocs_torus", "TPUv4", 64, "4x4x4,", 64},
           {"ocs_torus", "TPUv4", 4096, "16x16x16,", 4096},
           {"ocs_torus", "TPUv4", 4160, "16x16x16,", 4096},  // two of 2,048 would use no more
           {"ocs_torus", "TPUv4", 8192, "2 slices of 16x16x16,", 8192},
           {"ocs_torus", "TPUv5p", 6144, "16x16x24,", 6144},
           {"ocs_torus", "TPUv5p", 18432, "3 slices of 16x16x24,", 18432},
           {"ocs_torus", "TPU7x", 9216, "16x24x24,", 9216},
           {"torus", "TPUv5e", 1, "1x1x1,", 1},
           {"torus", "TPUv5e", 6, "2x2x1", 4},
           {"torus", "TPUv6e", 8, "2x4x1", 8},
           {"torus", "TPUv5e", 255, "8x16x1", 128},
           {"torus", "TPUv5e", 256, "16x16x1,", 256},
           {"torus", "TPUv6e", 1023, "3 slices of 16x16x1,", 768},
           {"torus", "TPUv5e", 50944, "199 slices of 16x16x1,", 50944},
           {"torus", "TPUv4", 8192, "2 slices of 16x16x16,", 8192},
           // Others have no such limits.
           {"ocs_torus", "H100", 48, "3x4x4 mesh", 48},
           {"ocs_torus", "H100", 32768, "32x32x32,", 32768},
           {"torus", "H100", 32768, "32x32x32,", 32768}}) {
    const auto c = case_of(k.kind, k.chip, k.chips);
    EXPECT_THAT(c->collective->choice(), testing::StartsWith(k.choice)) << c->name;
    EXPECT_EQ(c->layout.chips(), k.used) << c->name;
  }
}

/// 1 GB over links of 45 GB/s: (P - 1) / P n / w over what a chip's rings (2) and lines (1) carry.
TEST(TorusPods, SayHowUnequalSidesCarryATensorGroup) {
  for (const std::string& mapping :
       {std::string("data, model:2 data, model"), std::string("model, data, model:2 data")}) {
    const auto c = case_of("torus", "H100", 64,
                           {{"topology.shape", "4x4x4"}, {"topology.mapping", mapping}}, 8);
    EXPECT_THAT(c->collective->choice(), HasSubstr("4x4x4, " + mapping)) << c->name;
  }
}

TEST(Pods, FlatToriCloseRingsOnSidesOf16Alone) {
  struct Known {
    std::int64_t chips;
    double ways;
  };
  for (const Known& k : std::vector<Known>{{256, 4}, {128, 3}, {64, 2}, {16, 2}}) {
    const auto flat = [&](const Settings& more) {
      Settings settings{{"fabric.link_latency", "0s"}};
      settings.insert(settings.end(), more.begin(), more.end());
      return case_of("torus", "TPUv5e", k.chips, settings);
    };
    const auto c = flat({});
    const double bound = 2 * (1 - 1 / static_cast<double>(k.chips)) * 1e9 / 45e9 / k.ways;
    EXPECT_GE(time_of(*c), bound * (1 - 1e-9)) << c->name;
    EXPECT_LE(time_of(*c), 1.02 * bound) << c->name;
    // As with the machine named; someone else's may close every side.
    const std::string& shape = c->values.text("topology.shape");
    const auto named = flat({{"topology.machine", "16x16x1"}, {"topology.shape", shape}});
    EXPECT_EQ(finish_of(*c), finish_of(*named)) << c->name;
    const auto closed = flat({{"topology.machine", shape}, {"topology.shape", shape}});
    EXPECT_NEAR(time_of(*closed) * 4, bound * k.ways, 0.02 * bound * k.ways) << closed->name;
  }
}

TEST(Pods, AboveTheLargestAreAsSlicesThatAreNamed) {
  const auto open = case_of("ocs_torus", "TPUv4", 8192);
  const auto named = case_of("ocs_torus", "TPUv4", 8192,
                             {{"topology.slices", "2"}, {"topology.shape", "16x16x16"}});
  EXPECT_EQ(finish_of(*open), finish_of(*named));
  // By hand: over a torus, and across half of its 4,096th twice at 50 Gbit/s; 2 x 45 hops of 1 us
  // and two of 10 us.
  const double torus = 2 * 4095.0 / 4096 * 1e9 / 45e9 / 6 + 90e-6;
  const double across = 1e9 / 4096 / 6.25e9 + 20e-6;
  EXPECT_NEAR(time_of(*open), torus + across, 1e-6 * torus);
  // One torus of them all is what a user may still ask for.
  const auto one = case_of("ocs_torus", "TPUv4", 8192, {{"topology.slices", "1"}});
  EXPECT_LT(time_of(*one), time_of(*open));
  EXPECT_FALSE(open->collective->extrapolated());
  EXPECT_TRUE(
      case_of("ocs_torus", "TPUv4", 16384, {{"topology.slices", "1"}})->collective->extrapolated());
  // A chip of one's own has the limit that its section gives.
  const auto own = case_of("ocs_torus", "TPUv4", 8192, {{"chip.TPUv4.largest_torus", "1024"}});
  EXPECT_THAT(own->collective->choice(), HasSubstr("8 slices of 8x8x16"));
}

/// However many chips there are: no slice is too large, and one slice fewer holds fewer chips, but
/// for the 3 % that the choice of a shape may leave.
TEST(Pods, NoFewerSlicesWouldDo) {
  const Stream stream{20261127, any_purpose, 0};
  std::int64_t several = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const bool flat = i % 2 == 0;
    const std::int64_t largest = flat ? 256 : 4096;
    const auto chips =
        static_cast<std::int64_t>(static_cast<double>(largest) * (0.5 + 6 * stream.uniform(0, i)));
    const auto c = case_of(flat ? "torus" : "ocs_torus", flat ? "TPUv6e" : "TPUv4", chips);
    const std::int64_t slices = c->values.count("topology.slices"), used = c->layout.chips();
    EXPECT_LE(used, slices * largest) << c->name;
    EXPECT_GT(static_cast<double>(used), 0.97 * static_cast<double>((slices - 1) * largest))
        << c->name;
    EXPECT_GE(static_cast<double>(used), 0.5 * static_cast<double>(std::min(chips, largest)));
    several += slices > 1;
  }
  EXPECT_GT(several, 20);
}

TEST(Pods, WhatIsNotThereIsRefused) {
  EXPECT_THAT(refusal("ocs_torus", "TPUv4", 64, {{"topology.shape", "3x4x4"}}),
              HasSubstr("2x2x4, 2x4x4 or whole cubes of 4x4x4"));
  EXPECT_THAT(refusal("ocs_torus", "TPUv5p", 256, {{"topology.shape", "4x4x10"}}),
              HasSubstr("whole cubes"));
  EXPECT_THAT(refusal("torus", "TPUv5e", 64, {{"topology.shape", "4x16x1"}}),
              HasSubstr("8x16x1, 16x16x1"));
  EXPECT_THAT(refusal("torus", "TPUv5e", 1024, {{"topology.shape", "32x32x1"}}),
              HasSubstr("topology.shape = 32x32x1"));
  EXPECT_THAT(refusal("torus", "TPUv5e", 16, {}, 3), HasSubstr("tensor x pipeline = 3"));
  EXPECT_THAT(refusal("ocs_torus", "TPUv4", 16384, {}, 8192),
              HasSubstr("tensor x pipeline = 8192"));
  // Orders of the sides, and chips without such limits, are taken.
  EXPECT_THAT(refusal("ocs_torus", "TPUv4", 64, {{"topology.shape", "4x2x4"}}),
              HasSubstr("taken: 4x2x4 mesh"));
  EXPECT_THAT(refusal("ocs_torus", "H100", 64, {{"topology.shape", "3x4x4"}}), HasSubstr("taken"));
  EXPECT_THAT(refusal("torus", "H100", 64, {{"topology.shape", "4x16x1"}}), HasSubstr("taken"));
}

}  // namespace
}  // namespace lockstep::test
