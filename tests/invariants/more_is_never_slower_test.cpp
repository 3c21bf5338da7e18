// More bandwidth, fewer bytes, less latency: never slower, whatever is chosen by itself on the way.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

struct Scene {
  const char* chips;
  std::int64_t tensor, pipeline;
};

double time_of(const TopologyKind& kind, const Scene& scene, Settings settings, double bytes) {
  settings.emplace_back("fleet.chips", scene.chips);
  const TopologyCase c(kind, settings, scene.tensor, scene.pipeline, bytes,
                       [](std::int64_t, std::int64_t) { return Settings{}; });
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  return *std::ranges::max_element(finish);
}

const std::vector<Scene> scenes{{"H100:2", 1, 1},    {"H100:7", 1, 1},    {"H100:16", 8, 1},
                                {"H100:64", 1, 1},   {"H100:61", 1, 1},   {"H100:512", 8, 1},
                                {"GB200:508", 2, 8}, {"GB200:512", 2, 8}, {"H100:104", 8, 1}};

/// Chips for which no torus of whole cubes has room for the job's box are none of ours.
bool has_room(const TopologyKind& kind, const Scene& scene) {
  return !kind.name.ends_with("torus") || std::string_view(scene.chips) != "GB200:508";
}

/// NCCL chooses by an estimate with jumps (trees' correction by size), not by the time that
/// follows: with a little more it may take what is slower.
bool estimates(const TopologyKind& kind) {
  return kind.name == "nccl";
}

TEST(MoreIsNeverSlower, FewerBytes) {
  for (const TopologyKind* kind : topology_kinds())
    for (const Scene& scene : scenes)
      for (const Settings& fabric : {Settings{}, Settings{{"fabric.hop_latency", "1us"},
                                                          {"fabric.hop_bandwidth", "10GB/s"}}}) {
        if (!has_room(*kind, scene) || (fabric.empty() && estimates(*kind))) continue;
        double before = 0;
        for (double bytes = 1; bytes < 1e11; bytes *= 1.3) {
          const double time = time_of(*kind, scene, fabric, bytes);
          EXPECT_GE(time, before * (1 - 1e-12)) << kind->name << " of " << scene.chips << ", "
                                                << bytes << " B: " << time / before - 1;
          before = time;
        }
      }
}

// A chunk takes a line of 128 B at least: cutting few bytes finer costs, and is never chosen.
TEST(MoreIsNeverSlower, ChunksBelowALineGainNothing) {
  std::int64_t kinds = 0;
  for (const TopologyKind* kind : topology_kinds()) {
    const auto is_chunks = [](const Parameter& row) { return row.key == "topology.chunks"; };
    if (std::ranges::none_of(kind->parameters, is_chunks)) continue;
    ++kinds;
    const Scene scene{"H100:2", 1, 1};
    const auto with = [&](const char* chunks) {
      Settings settings{{"fabric.hop_latency", "0s"}, {"fabric.hop_bandwidth", "1GB/s"}};
      if (kind->name == "tree") settings.emplace_back("topology.channels", "1");
      if (kind->name == "switch_reduce") settings.emplace_back("chip.H100.scale_up_domain", "1");
      settings.emplace_back("topology.chunks", chunks);
      return settings;
    };
    // Up and down one hop: the double tree's halves share both ports, in the switch they follow.
    const bool rings = kind->name == "hierarchical_ring";       // whose halves go there and back
    const bool tree = kind->name != "switch_reduce" && !rings;  // nccl takes the tree
    const auto lines = [&](double chunks) {
      return 128e-9 * (tree ? 2 * chunks : rings ? chunks : chunks + 1);
    };
    for (double bytes : {1.0, 100.0, 128.0}) {
      if (rings) {  // one chunk is no chunk
        EXPECT_NEAR(time_of(*kind, scene, with("1"), bytes), bytes * 1e-9, 1e-15);
        EXPECT_NEAR(time_of(*kind, scene, with("8"), bytes), lines(8), 1e-15);
        EXPECT_NEAR(time_of(*kind, scene, with("auto"), bytes), bytes * 1e-9, 1e-15);
        continue;
      }
      EXPECT_NEAR(time_of(*kind, scene, with("1"), bytes), lines(1), 1e-15) << kind->name;
      EXPECT_NEAR(time_of(*kind, scene, with("8"), bytes), lines(8), 1e-15) << kind->name;
      EXPECT_NEAR(time_of(*kind, scene, with("auto"), bytes), lines(1), 1e-15) << kind->name;
    }
    // Four lines a tree are four chunks and no more.
    const double four = 4 * 128 * (tree ? 2 : 1);
    EXPECT_NEAR(time_of(*kind, scene, with("4"), four), lines(4), 1e-15) << kind->name;
    EXPECT_NEAR(time_of(*kind, scene, with("auto"), four), lines(4), 1e-15) << kind->name;
    EXPECT_NEAR(time_of(*kind, scene, with("64"), four), lines(64), 1e-15) << kind->name;
  }
  EXPECT_GE(kinds, 3);
}

struct Resource {
  std::string key;
  std::vector<std::string> values;  ///< the slowest first
};

TEST(MoreIsNeverSlower, MoreBandwidthAndLessLatency) {
  std::vector<std::string> rates, times;
  for (double rate = 1; rate < 4000; rate *= 1.7) rates.push_back(fmt::format("{:.6g}GB/s", rate));
  for (double time = 100; time > 0.05; time /= 1.7) times.push_back(fmt::format("{:.6g}us", time));
  times.push_back("0s");
  const std::vector<Resource> resources{
      {"chip.H100.injection_bandwidth", rates},
      {"chip.H100.scale_up_bandwidth", rates},
      {"fabric.link_bandwidth", rates},
      {"fabric.link_latency", times},
      {"fabric.core_latency", times},
      {"topology.switch_latency", times},
      {"fabric.spine_oversubscription", {"16", "8", "4", "2", "1"}},
      {"fabric.core_oversubscription", {"64", "16", "8", "4", "2", "1"}}};
  std::map<std::string, std::int64_t> faster;
  for (const TopologyKind* kind : topology_kinds())
    for (const Scene& scene :
         {Scene{"H100:61", 1, 1}, Scene{"H100:256", 2, 2}, Scene{"H100:512", 8, 1}})
      for (double bytes : {1e3, 3e6, 5e8})
        for (const Resource& resource : resources) {
          if (estimates(*kind)) continue;
          double before = std::numeric_limits<double>::infinity();
          for (const std::string& value : resource.values) {
            const double time = time_of(*kind, scene,
                                        {{"fabric.leaf_chips", "24"},
                                         {"fabric.pod_chips", "96"},
                                         {"fabric.spine_latency", "0s"},
                                         {resource.key, value}},
                                        bytes);
            EXPECT_LE(time, before * (1 + 1e-12))
                << kind->name << " of " << scene.chips << ", " << bytes << " B, " << resource.key
                << " = " << value << ": " << time / before - 1;
            faster[resource.key] += time < before * (1 - 1e-6) && before < 1e9;
            before = time;
          }
        }
  for (const Resource& resource : resources)
    EXPECT_GT(faster[resource.key], 0) << resource.key << " never told";
}

}  // namespace
}  // namespace lockstep::test
