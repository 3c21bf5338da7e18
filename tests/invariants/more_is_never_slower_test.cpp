// More bandwidth, fewer bytes, less latency: never slower, whatever is chosen by itself on the way.

#include <gtest/gtest.h>

#include <algorithm>
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

TEST(MoreIsNeverSlower, FewerBytes) {
  for (const TopologyKind* kind : topology_kinds())
    for (const Scene& scene : scenes)
      for (const Settings& fabric : {Settings{}, Settings{{"fabric.hop_latency", "1us"},
                                                          {"fabric.hop_bandwidth", "10GB/s"}}}) {
        if (kind->name.ends_with("torus") && std::string_view(scene.chips).ends_with(":508"))
          continue;
        double before = 0;
        for (double bytes = 1; bytes < 1e11; bytes *= 1.07) {
          const double time = time_of(*kind, scene, fabric, bytes);
          EXPECT_GE(time, before * (1 - 1e-12))
              << kind->name << " " << scene.chips << " " << fabric.size() << " " << bytes
              << " B: " << time / before;
          before = time;
        }
      }
}

}  // namespace
}  // namespace lockstep::test
