// What trees leave open, the protocol and the number of chunks, is taken as if every one of them
// were timed, though most are passed over.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

struct Scene {
  std::string_view kind;
  Settings settings;
  std::int64_t tensor;
  std::vector<std::string> protocols;
};

const std::vector<Scene>& scenes() {
  static const std::vector<std::string> all{"LL", "LL128", "Simple"}, one{"Simple"};
  static const std::vector<Scene> rows{
      {"tree", {{"fleet.chips", "H100:61"}}, 1, all},
      {"tree", {{"fleet.chips", "H100:640"}, {"fabric.leaf_chips", "24"}}, 8, all},
      {"tree", {{"fleet.chips", "H100:96, GB200:108"}, {"fabric.pod_chips", "64"}}, 1, all},
      {"tree", {{"fleet.chips", "H100:128"}, {"chip.H100.scale_up_domain", "1"}}, 1, all},
      {"tree", {{"fleet.chips", "H100:40"}, {"topology.channels", "3"}}, 2, all},
      {"tree", {{"fleet.chips", "H100:2"}}, 1, all},
      {"tree",
       {{"fleet.chips", "H100:33"},
        {"fabric.hop_latency", "3us"},
        {"fabric.hop_bandwidth", "10GB/s"}},
       1,
       one},
      {"nccl", {{"fleet.chips", "H100:256"}, {"fabric.protocol", "Simple"}}, 1, one},  // NVLS trees
  };
  return rows;
}

double time_of(const TopologyCase& c) {
  return std::ranges::max(c.run(MessageNoise{}, {}, c.ready_times(0, 1)));
}

TEST(TreeChoice, IsTheFirstOfTheFastest) {
  std::set<std::string> taken;
  for (const Scene& scene : scenes())
    for (double bytes : {100.0, 3e4, 1e6, 5e7, 2e9, 4e11}) {
      const auto case_of = [&](const Settings& more) {
        Settings settings = scene.settings;
        settings.insert(settings.end(), more.begin(), more.end());
        return std::make_unique<TopologyCase>(kind_named(scene.kind), settings, scene.tensor, 1,
                                              bytes, no_settings);
      };
      const auto chosen = case_of({});
      double least = HUGE_VAL;
      std::string first;
      for (const std::string& protocol : scene.protocols)
        for (std::int64_t chunks = 1; chunks <= 256; chunks *= 2) {
          Settings forced{{"topology.chunks", fmt::format("{}", chunks)}};
          if (scene.protocols.size() > 1) forced.emplace_back("fabric.protocol", protocol);
          const auto one = case_of(forced);
          if (const double time = time_of(*one); time < least) {
            least = time;
            first = one->collective->choice();
          }
        }
      EXPECT_EQ(chosen->collective->choice(), first) << chosen->name << " " << bytes;
      EXPECT_EQ(time_of(*chosen), least) << chosen->name << " " << bytes;
      taken.insert(first);
    }
  EXPECT_GT(taken.size(), 12u);  // they do differ
}

}  // namespace
}  // namespace lockstep::test
