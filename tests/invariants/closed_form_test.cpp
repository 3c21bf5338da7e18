// Every topology without noise, all ready at 0, equal hops: closed forms and bounds, by the
// kernels.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

/// One group of `ranks` ranks on equal hops: when the last and the first have finished [s].
struct Span {
  double first, last;
};

Span run_uniform(const TopologyKind& kind, const TopologyRow& row, const Settings& variant,
                 std::int64_t ranks, const UniformHops& hops) {
  Settings settings{{"fleet.chips", fmt::format("H100:{}", ranks)},
                    {"fabric.hop_latency", fmt::format("{:.17g}s", hops.latency)},
                    {"fabric.hop_bandwidth", fmt::format("{:.17g}B/s", hops.bandwidth)}};
  settings.insert(settings.end(), variant.begin(), variant.end());
  const TopologyCase c(kind, settings, 1, 1, hops.bytes, row.settings);
  EXPECT_EQ(c.ranks(), ranks);
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  const auto [least, most] = std::minmax_element(finish.begin(), finish.end());
  return {*least, *most};
}

TEST(TopologyRows, OneForEveryKindAndNoOther) {
  for (const TopologyKind* kind : topology_kinds()) find_topology_row(*kind);
  EXPECT_EQ(topology_rows().size(), topology_kinds().size());
  EXPECT_GT(topology_rows().size(), 0u);
}

TEST(ClosedForm, EveryKindOnEqualHops) {
  std::vector<UniformHops> grid;
  for (double latency : {0.0, 1e-6, 1e-3})
    for (double bytes : {0.0, 8e4, 1e5, 1e9}) grid.push_back({latency, 25e9, bytes});
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    std::int64_t exact = 0, bounded = 0;
    for (const Variant& variant : row->variants)
      for (std::int64_t ranks : {1, 2, 3, 5, 6, 8, 9, 12, 27, 31, 32, 60, 64, 100, 216, 500, 1000})
        for (const UniformHops& hops : grid) {
          const double last = run_uniform(*kind, *row, variant.settings, ranks, hops).last;
          const ExpectedTime expected = row->expected(ranks, variant.chunks, hops);
          const std::string where = fmt::format("{} of {} ranks, {} chunks, {} s, {} B", kind->name,
                                                ranks, variant.chunks, hops.latency, hops.bytes);
          const double slack = 1e-12 * expected.most;
          EXPECT_GE(last, expected.least - slack) << where;
          EXPECT_LE(last, expected.most + slack) << where;
          EXPECT_GE(last, row->latency_hops(ranks) * hops.latency - slack) << where;
          EXPECT_GE(last, row->port_share(ranks) * hops.bytes / hops.bandwidth - slack) << where;
          (expected.least == expected.most ? exact : bounded) += expected.most > 0;
          // One part in 1e9 more latency and bytes must show.
          if (expected.least == expected.most && last > 0) {
            const UniformHops off{hops.latency * (1 + 1e-9), hops.bandwidth,
                                  hops.bytes * (1 + 1e-9)};
            EXPECT_GT(row->expected(ranks, variant.chunks, off).most, last + slack) << where;
          }
        }
    EXPECT_GT(exact, 50) << kind->name;
    EXPECT_GT(exact + bounded, 100) << kind->name;
  }
}

TEST(ClosedForm, EveryKindOnThousandsOfRanks) {
  constexpr double gib = 1024.0 * 1024 * 1024;
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    for (std::int64_t ranks : {256, 3000, 4096})
      for (double bytes : {64 * 1024.0, gib}) {
        const UniformHops hops{500e-9, 50 * gib, bytes};
        for (const Variant& variant : {row->variants.front(), row->variants.back()}) {
          const Span span = run_uniform(*kind, *row, variant.settings, ranks, hops);
          const ExpectedTime expected = row->expected(ranks, variant.chunks, hops);
          EXPECT_GE(span.last, expected.least * (1 - 1e-12)) << kind->name << " " << ranks;
          EXPECT_LE(span.last, expected.most * (1 + 1e-12)) << kind->name << " " << ranks;
        }
      }
  }
}

/// Numbers worked out by hand: 2 (n - 1) (500 ns + bytes / n / 50 GiB/s).
TEST(ClosedForm, RingInNumbers) {
  struct Known {
    std::int64_t ranks;
    double bytes, time;
  };
  constexpr double kib = 1024, gib = 1024 * 1024 * kib;
  const std::vector<Known> known{
      {256, 64 * kib, 510 * (5e-7 + 256 / (50 * gib))},
      {256, gib, 510 * (5e-7 + 1.0 / 256 / 50)},
      {4096, 64 * kib, 8190 * (5e-7 + 16 / (50 * gib))},
      {4096, gib, 8190 * (5e-7 + 1.0 / 4096 / 50)},
  };
  for (const TopologyKind* kind : topology_kinds()) {
    if (kind->name != "ring") continue;
    const TopologyRow* row = find_topology_row(*kind);
    ASSERT_NE(row, nullptr);
    for (const Known& k : known) {
      const Span span = run_uniform(*kind, *row, {}, k.ranks, {5e-7, 50 * gib, k.bytes});
      EXPECT_NEAR(span.last, k.time, 1e-12 * k.time);
      EXPECT_NEAR(span.first, k.time, 1e-12 * k.time) << "all ranks finish together";
    }
    return;
  }
  FAIL() << "no ring";
}

}  // namespace
}  // namespace lockstep::test
