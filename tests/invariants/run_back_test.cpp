// What ready times are away from the end of an operation, by the pass against time, for every
// topology and operation: against the plain evaluation of the message graph, and against the
// kernels' finishes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

// Relative to the longest time. The graph adds message by message, as kernels do not.
constexpr double of_graph = 1e-12, rounding = 5e-15;

double latest(const double* times, const double* more, std::int64_t ranks) {
  double last = left_out;
  for (std::int64_t r = 0; r < ranks; ++r) last = std::max(last, times[r] + more[r]);
  return last;
}

/// Ready times (groups, ranks): all at once, spread, one rank of each group far behind the others.
std::vector<std::vector<double>> ready_times(const TopologyCase& c, double spread,
                                             std::uint64_t seed) {
  std::vector<std::vector<double>> all{c.ready_times(0, 1), c.ready_times(spread, seed),
                                       c.ready_times(spread, seed + 1)};
  const auto ranks = static_cast<std::size_t>(c.ranks());
  for (std::size_t i = 0; i < all[2].size(); ++i)
    if (i % ranks != seed % ranks) all[2][i] -= 1;
  return all;
}

/// What finishes are from the end: all at it, at different distances, but for every third left out.
std::vector<std::vector<double>> afters(const TopologyCase& c, std::uint64_t seed) {
  std::vector<std::vector<double>> all{c.ready_times(0, 1), c.ready_times(1e-4, seed + 2),
                                       c.ready_times(0, 1)};
  for (std::size_t i = 0; i < all[2].size(); ++i)
    if ((i + seed) % 3 != 0 && c.ranks() > 2) all[2][i] = left_out;
  return all;
}

/// Compares every group; returns how many latest finishes were, 0 where there is no such pass.
std::int64_t compare(const TopologyCase& c, double slow_links, double spread, std::uint64_t seed,
                     double of_kernel = rounding) {
  const std::vector<double> factors =
      slow_links > 0 ? c.unequal_links(slow_links, seed) : std::vector<double>{};
  const LinkState links{factors};
  const auto trial = c.collective->begin_trial(links);
  const std::int64_t ranks = c.ranks(), together = c.collective->groups_per_call();
  std::int64_t compared = 0;
  std::vector<MessageGraph> graphs;
  for (std::int64_t g = 0; g < c.groups(); ++g) graphs.push_back(c.collective->graph(g, links));
  std::vector<std::vector<double>> costs;
  const auto all_after = afters(c, seed);
  for (const std::vector<double>& after : all_after) {
    std::vector<double>& cost = costs.emplace_back(after.size(), -1.0);
    const bool runs = trial->run_back(0, c.groups(), after.data(), cost.data());
    std::vector<double> split(after.size(), -1.0);
    for (std::int64_t last = c.groups(); last > 0; last = (last - 1) / together * together)
      trial->run_back((last - 1) / together * together, last, after.data(), split.data());
    EXPECT_EQ(split, cost) << c.name;
    if (runs) continue;
    EXPECT_EQ(std::ranges::count(cost, -1.0), std::ssize(cost)) << c.name;
    return 0;
  }
  for (const std::vector<double>& ready : ready_times(c, spread, seed)) {
    std::vector<double> finish(ready.size());
    trial->run(MessageNoise{}, 0, c.groups(), ready.data(), finish.data(), 1);
    for (std::int64_t g = 0; g < c.groups(); ++g) {
      const std::int64_t row = g * ranks;
      const std::vector<double> plain = graphs[static_cast<std::size_t>(g)].evaluate(
          {ready.data() + row, static_cast<std::size_t>(ranks)}, [](std::int64_t) { return 0.0; });
      for (std::size_t a = 0; a < costs.size(); ++a, ++compared) {
        const double* const after = all_after[a].data() + row;
        const double last = latest(ready.data() + row, costs[a].data() + row, ranks);
        const double by_graph = latest(plain.data(), after, ranks),
                     by_kernel = latest(finish.data() + row, after, ranks);
        // Chains from 1 s before round at 1 s.
        const double scale = std::max(std::abs(by_kernel), ready[0] < -0.5 ? 1.0 : 0.0);
        EXPECT_LE(std::abs(last - by_graph), of_graph * scale)
            << c.name << ", group " << g << ", slow links " << slow_links << ", seed " << seed;
        EXPECT_LE(std::abs(last - by_kernel), of_kernel * scale)
            << c.name << ", group " << g << ", slow links " << slow_links << ", seed " << seed;
      }
    }
  }
  return compared;
}

Settings joined(Settings first, const Settings& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

TEST(RunBack, EveryKindOperationGroupsAndRanks) {
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    for (Operation operation : kind->operations) {
      std::int64_t compared = 0;
      std::uint64_t seed = 1;
      for (const auto& [groups, ranks] : std::vector<std::pair<std::int64_t, std::int64_t>>{
               {3, 1}, {8, 2}, {3, 3}, {1, 7}, {9, 8}, {3, 13}, {8, 16}, {1, 27}, {5, 30}})
        for (const Settings& fabric : test::equal_and_tiered_fabrics())
          for (std::size_t v = 0; v <= row->variants.size(); ++v, ++seed) {
            const Settings settings =
                joined(joined(fabric, {{"fleet.chips", fmt::format("H100:{}", groups * ranks)}}),
                       v == 0 ? Settings{} : row->variants[v - 1].settings);
            const TopologyCase c(*kind, settings, groups, 1, 300000, row->settings, operation);
            compared += compare(c, seed % 2 ? 0.3 : 0, seed % 3 ? 3e-5 : 1e-3, seed);
          }
      for (const char* chips : {"H100:52, GB200:152", "H100:29", "H100:96, H200:96, GB200:72"}) {
        const TopologyCase c(*kind, {{"fleet.chips", chips}, {"fleet.placement", "interleaved"}},
                             chips[5] == '2' ? 1 : 4, 1, 1e6, row->settings, operation);
        for (double slow : {0.0, 0.1}) compared += compare(c, slow, 1e-4, ++seed);
      }
      const bool none = operation == Operation::all_to_all || operation == Operation::send;
      EXPECT_EQ(compared > 500, !none) << kind->name << " " << name_of(operation);
    }
  }
}

/// Rings that are long enough for chains, which add as many latencies.
TEST(RunBack, LongRingsOfATorus) {
  std::int64_t compared = 0;
  std::uint64_t seed = 100;
  for (Operation operation :
       {Operation::all_reduce, Operation::reduce_scatter, Operation::all_gather})
    for (const char* shape : {"2x1x88", "3x2x64", "97x1x1"})
      for (double slow : {0.0, 0.02, 0.3}) {
        const auto settings = [&](std::int64_t, std::int64_t) {
          return Settings{{"topology.shape", shape}};
        };
        const TopologyCase c(kind_named("torus"), {{"fleet.chips", "H100:60, H200:324"}}, 1, 1, 3e6,
                             settings, operation);
        compared += compare(c, slow, 1e-4, ++seed, 10 * rounding);
      }
  EXPECT_GT(compared, 200);
}

/// A cost that is too short or too long by 1 part in 1e9 is noticed, for each rank.
TEST(RunBack, EveryCostMatters) {
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    const TopologyCase c(*kind, {{"fleet.chips", "H100:24"}}, 3, 1, 300000, row->settings);
    const auto trial = c.collective->begin_trial({});
    const std::vector<double> after = c.ready_times(0, 1);
    std::vector<double> cost(after.size()), finish(after.size());
    if (!trial->run_back(0, c.groups(), after.data(), cost.data())) continue;
    for (std::int64_t r = 0; r < c.ranks(); ++r) {
      std::vector<double> ready(after.size(), 0.0);
      ready[static_cast<std::size_t>(r)] = 1;
      trial->run(MessageNoise{}, 0, c.groups(), ready.data(), finish.data(), 1);
      const double last = latest(finish.data(), after.data(), c.ranks());
      for (double wrong : {-1e-9, 0.0, 1e-9}) {
        std::vector<double> changed = cost;
        changed[static_cast<std::size_t>(r)] *= 1 + wrong;
        const double error = std::abs(latest(ready.data(), changed.data(), c.ranks()) - last);
        EXPECT_EQ(error > rounding * last, wrong != 0) << c.name << ", rank " << r;
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::test
