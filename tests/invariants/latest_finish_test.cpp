// The latest finish by the chains through late messages, for every topology that has such a way:
// against the kernels' finishes, and against the plain evaluation of the message graph.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

constexpr double tolerance = 1e-12;  // relative; the sums associate differently

struct Counts {
  std::int64_t compared = 0, raised = 0, several = 0, off = 0;
};

Settings joined(Settings first, const Settings& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// What finishes are from the end: all at it, at different distances, but for every third left out.
std::vector<double> some_after(const TopologyCase& c, std::uint64_t seed) {
  std::vector<double> after = c.ready_times(seed % 3 == 1 ? 1e-4 : 0, seed);
  for (std::size_t i = 0; seed % 3 == 2 && c.ranks() > 2 && i < after.size(); ++i)
    if ((i + seed) % 3 != 0) after[i] = left_out;
  return after;
}

double latest(const std::vector<double>& finish, const std::vector<double>& after,
              std::int64_t first, std::int64_t ranks) {
  double last = left_out;
  for (std::int64_t i = 0; i < ranks; ++i) {
    const auto at = static_cast<std::size_t>(first + i);
    last = std::max(last, finish[at] + after[at]);
  }
  return last;
}

/// Delays of some mean [us].
NoiseCase late(double probability, double delay, std::uint64_t seed) {
  return {{{"noise.spike_probability", fmt::format("{:.17g}", std::min(1.0, probability))},
           {"noise.spike_delay", fmt::format("exponential(mean={:.17g}us)", delay)}},
          seed};
}

/// Compares every group under about `messages` late ones in each; with the graph where it is small.
/// For a control, the chains may have delays `longer`.
void compare(const TopologyCase& c, double messages, double delay, double slow_links, double spread,
             std::uint64_t seed, Counts& counts, double longer = 1) {
  const std::vector<double> factors =
      slow_links > 0 ? c.unequal_links(slow_links, seed) : std::vector<double>{};
  const LinkState links{factors};
  const auto trial = c.collective->begin_trial(links);
  const std::vector<double> after = some_after(c, seed), ready = c.ready_times(spread, seed + 1);
  const auto by_chains = trial->latest_finish(after.data());
  if (!by_chains) return;
  const auto number = static_cast<double>(c.collective->messages_per_group());
  const double probability = messages / std::max(1.0, number);
  const NoiseCase noise = late(probability, delay, seed);
  const NoiseCase in_chains = late(probability, delay * longer, seed);
  std::vector<double> finish(ready.size()), quiet(ready.size());
  trial->run(noise.messages, 0, c.groups(), ready.data(), finish.data(), 1);
  trial->run(MessageNoise{}, 0, c.groups(), ready.data(), quiet.data(), 1);
  std::vector<double> ends(static_cast<std::size_t>(c.groups()));
  const std::int64_t together = c.collective->groups_per_call();
  for (std::int64_t g = 0; g < c.groups(); g += together)
    by_chains->run(in_chains.messages, g, std::min(g + together, c.groups()), ready.data(),
                   ends.data() + g);
  for (std::int64_t g = 0; g < c.groups(); ++g) {
    const std::int64_t first = g * c.ranks();
    const double own = ends[static_cast<std::size_t>(g)];
    const double by_kernel = latest(finish, after, first, c.ranks());
    const double without = latest(quiet, after, first, c.ranks());
    ++counts.compared;
    const bool off = std::abs(own - by_kernel) > tolerance * by_kernel;
    counts.off += off;
    EXPECT_TRUE(!off || longer != 1) << c.name << ", group " << g << ", seed " << seed << ", slow "
                                     << slow_links << ": " << own << " for " << by_kernel;
    double most = 0;
    for (SpikeSequence s(noise.messages, g, c.collective->messages_per_group()); !s.done();
         s.next())
      most = std::max(most, s.delay());
    counts.raised += by_kernel > without * (1 + 1e-6);
    counts.several += by_kernel > without + most * (1 + 1e-6);
    if (number > 2e4 || longer != 1) continue;
    const auto delays = message_delays(noise.messages, g, c.collective->messages_per_group());
    const auto graph = c.collective->graph(g, links).evaluate(
        std::span(ready).subspan(static_cast<std::size_t>(first),
                                 static_cast<std::size_t>(c.ranks())),
        [&](std::int64_t n) { return delays[static_cast<std::size_t>(n)]; });
    std::vector<double> plain(ready.size());
    std::ranges::copy(graph, plain.begin() + first);
    EXPECT_LE(std::abs(own - latest(plain, after, first, c.ranks())), tolerance * own) << c.name;
  }
}

constexpr Operation operations[] = {Operation::all_reduce, Operation::reduce_scatter,
                                    Operation::all_gather};

/// Small groups, of which the graph knows the answer too.
void compare_small(const TopologyRow& row, const TopologyKind& kind, Counts& counts) {
  constexpr double delays[] = {0.01, 5, 200, 5e4};
  std::uint64_t seed = 1;
  for (const auto& [groups, ranks] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {3, 1}, {8, 2}, {3, 3}, {1, 7}, {9, 8}, {3, 13}, {8, 16}, {1, 30}, {2, 45}})
    for (const Settings& fabric : test::equal_and_tiered_fabrics())
      for (const Variant& variant : row.variants)
        for (double bytes : {3e3, 3e6})
          for (Operation operation : operations) {
            if (std::ranges::find(kind.operations, operation) == kind.operations.end()) continue;
            const Settings settings =
                joined(joined(fabric, {{"fleet.chips", fmt::format("H100:{}", groups * ranks)}}),
                       variant.settings);
            const TopologyCase c(kind, settings, groups, 1, bytes, row.settings, operation);
            for (double messages : {0.5, 1.0, 6.0, 60.0}) {
              compare(c, messages, delays[seed % 4], seed % 2 ? 0.2 : 0, seed % 5 < 3 ? 3e-5 : 1e-3,
                      seed, counts);
              seed += 1 + seed / 4 % 2;
            }
          }
}

/// Mixed chips, several channels or chunks, slow links; `longer` as in compare.
void compare_mixed(const TopologyRow& row, const TopologyKind& kind, Counts& counts,
                   double longer = 1) {
  std::uint64_t seed = 1000;
  for (const char* chips : {"H100:52, GB200:152", "H100:29", "H100:96, H200:96, GB200:72"})
    for (double slow : {0.0, 0.1}) {
      const TopologyCase c(kind, {{"fleet.chips", chips}, {"fleet.placement", "interleaved"}},
                           chips[5] == '2' ? 1 : 4, 1, 1e6, row.settings);
      for (double messages : {2.0, 20.0, 200.0})
        compare(c, messages, 50, slow, 1e-4, ++seed, counts, longer);
    }
  for (const char* chips : {"H100:64", "H100:100, H200:60"})
    for (double bytes : {1e6, 1e9})
      for (double slow : {0.0, 0.1, 0.5}) {
        const TopologyCase c(kind,
                             {{"fleet.chips", chips}, {"topology.chunks", slow > 0.2 ? "2" : "64"}},
                             1, 1, bytes, row.settings);
        for (double messages : {2.0, 20.0, 50.0})
          compare(c, messages, 100, slow, 1e-5, ++seed, counts, longer);
      }
  // So long that many messages late are still few.
  for (const auto& [chips, tensor] : std::vector<std::pair<const char*, std::int64_t>>{
           {"H100:1500", 1}, {"H100:700, GB200:720", 1}, {"H100:2400, H200:800", 8}})
    for (double bytes : {1e6, 1e10})
      for (Operation operation : operations) {
        if (std::ranges::find(kind.operations, operation) == kind.operations.end()) continue;
        const TopologyCase c(kind, {{"fleet.chips", chips}}, tensor, 1, bytes, row.settings,
                             operation);
        for (double slow : {0.0, 0.001, 0.5})
          for (double messages : {2.0, 50.0, 1500.0}) {
            ++seed;
            compare(c, messages, seed % 3 ? 1000 : 10, slow, seed % 2 ? 1e-4 : 0, seed, counts,
                    longer);
          }
      }
}

TEST(LatestFinish, EveryKindThatHasItIsTheMaximumOfItsFinishes) {
  std::int64_t kinds = 0;
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    Counts counts;
    compare_small(*row, *kind, counts);
    compare_mixed(*row, *kind, counts);
    if (counts.compared == 0) continue;
    ++kinds;
    EXPECT_GT(counts.compared, 500) << kind->name;
    EXPECT_GT(counts.raised, counts.compared / 3) << kind->name;
    EXPECT_GT(counts.several, counts.compared / 10) << kind->name;
  }
  EXPECT_GE(kinds, 4);
}

// The comparison must notice delays that are 1e-5 longer wherever one counts.
TEST(LatestFinish, ComparisonNoticesLongerDelays) {
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    Counts counts;
    compare_mixed(*row, *kind, counts, 1 + 1e-5);
    EXPECT_GE(counts.off, counts.raised) << kind->name;
    EXPECT_TRUE(counts.compared == 0 || counts.raised > 50) << kind->name;
  }
}

}  // namespace
}  // namespace lockstep::test
