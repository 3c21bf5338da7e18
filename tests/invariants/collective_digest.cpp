// Prints one digest of the finish times of a fixed set of collectives for each topology, so that a
// test can compare the bits over instruction sets. Exit code 77: the processor lacks the level that
// LOCKSTEP_SIMD asks for.

#include <fmt/format.h>

#include <bit>
#include <cstdio>

#include "engine/base/error.hpp"
#include "engine/base/simd.hpp"
#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

/// FNV-1a over the bytes of every double.
struct Digest {
  std::uint64_t value = 14695981039346656037u;
  std::int64_t count = 0;
  void add(double x) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    for (int shift = 0; shift < 64; shift += 8)
      value = (value ^ (bits >> shift & 0xFF)) * 1099511628211u;
    ++count;
  }
};

Digest digest_of(const TopologyKind& kind, const TopologyRow& row) {
  const std::vector<Settings> fabrics{
      {{"fabric.hop_latency", "3us"}, {"fabric.hop_bandwidth", "10GB/s"}},
      {{"fabric.leaf_chips", "8"}, {"fabric.spine_oversubscription", "3"}}};
  Digest digest;
  for (const Settings& fabric : fabrics)
    for (std::int64_t groups : {1, 8, 13})
      for (std::int64_t ranks : {2, 7, 31, 64, 101}) {
        Settings settings = fabric;
        settings.emplace_back("fleet.chips", fmt::format("H100:{}", groups * ranks));
        const TopologyCase c(kind, settings, groups, 1, 1e6 / 3, row.settings);
        for (bool noisy : {false, true}) {
          const NoiseCase noise(
              noisy ? Settings{{"noise.spike_probability", "0.01"},
                               {"noise.spike_delay", "lognormal(median=20us, sigma=1)"},
                               {"noise.hop_jitter", "exponential(mean=1us)"}}
                    : Settings{},
              17);
          const auto links = noisy ? c.unequal_links(0.2, 5) : std::vector<double>{};
          for (double finish : c.run(noise.messages, {links}, c.ready_times(1e-4, 9)))
            digest.add(finish);
        }
      }
  return digest;
}

}  // namespace
}  // namespace lockstep::test

int main() {
  using namespace lockstep;
  try {
    std::fprintf(stderr, "level %s\n", std::string(simd_level_name(simd_level())).c_str());
  } catch (const InputError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 77;
  }
  for (const TopologyKind* kind : topology_kinds())
    for (const test::TopologyRow& row : test::topology_rows())
      if (row.kind == kind->name) {
        const auto digest = test::digest_of(*kind, row);
        fmt::print("{} {:016x} over {} values\n", kind->name, digest.value, digest.count);
      }
  return 0;
}
