// PAT against binomial trees written apart, part by part, and NCCL's formula; what NCCL's model
// takes for reduce_scatter and all_gather; chips on which NCCL does not run.

#include "topologies/algorithms/pat/pat_exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "engine/base/error.hpp"
#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr Operation scatter = Operation::reduce_scatter, gather = Operation::all_gather;
constexpr double latency = 2e-6, rate = 25e9, bytes = 1e6;

/// One group on equal hops.
TopologyCase equal_hops(std::int64_t ranks, Operation operation) {
  return TopologyCase(kind_named("ring"),
                      {{"fleet.chips", fmt::format("H100:{}", ranks)},
                       {"fabric.hop_latency", "2us"},
                       {"fabric.hop_bandwidth", "25GB/s"}},
                      1, 1, bytes, no_settings, operation);
}

/// A part's way over a binomial tree of n ranks: from rank offset `from` to `to`, the root being 0.
struct Edge {
  std::int64_t from, to;
};

/// The tree in which 0 sends to the farthest power of two first and everyone who has the part does
/// likewise over half the distance.
std::vector<Edge> binomial_tree(std::int64_t n) {
  std::vector<Edge> edges;
  std::vector<std::int64_t> have{0};
  for (std::int64_t d = static_cast<std::int64_t>(
           std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(n, 1))));
       d > 0; d /= 2)
    for (std::size_t i = have.size(); i-- > 0;)
      if (have[i] + d < n) {
        edges.push_back({have[i], have[i] + d});
        have.push_back(have[i] + d);
      }
  return edges;
}

/// All trees at once, part by part: messages by (source, destination) leave when all their parts
/// are there, in the order of their distances. Finish times of the ranks.
std::vector<double> by_parts(std::int64_t n, bool gathers, const std::vector<double>& ready,
                             const std::map<std::pair<std::int64_t, std::int64_t>, double>& late) {
  const auto index = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  std::map<std::int64_t, std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int64_t>>>
      messages;  // by distance: who to whom, with the parts of whom
  for (std::int64_t root = 0; root < n; ++root)
    for (const Edge& edge : binomial_tree(n)) {
      const std::int64_t upper = (root + edge.from) % n, lower = (root + edge.to) % n;
      const std::pair ends = gathers ? std::pair(upper, lower) : std::pair(lower, upper);
      messages[edge.to - edge.from][ends].push_back(root);
    }
  std::vector<std::vector<double>> have(index(n), std::vector<double>(index(n)));
  for (std::int64_t r = 0; r < n; ++r)  // of everyone's part; a sum waits for those below
    std::fill(have[index(r)].begin(), have[index(r)].end(), ready[index(r)]);
  std::vector<double> sent = ready, received = ready;
  std::vector<std::int64_t> distances;
  for (const auto& [distance, all] : messages) distances.push_back(distance);
  if (gathers) std::reverse(distances.begin(), distances.end());
  for (const std::int64_t distance : distances) {
    auto after = have;
    for (const auto& [ends, parts] : messages[distance]) {
      const auto [from, to] = ends;
      double start = sent[index(from)];
      for (const std::int64_t part : parts) start = std::max(start, have[index(from)][index(part)]);
      const double gap = static_cast<double>(parts.size()) * bytes / static_cast<double>(n) / rate;
      sent[index(from)] = start + gap;
      const double arrival = std::max(start + latency + gap, received[index(to)] + gap) +
                             (late.contains(ends) ? late.at(ends) : 0.0);
      received[index(to)] = arrival;
      for (const std::int64_t part : parts) {
        double& had = after[index(to)][index(part)];
        had = gathers ? arrival : std::max(had, arrival);
      }
    }
    have = after;
  }
  return received;
}

TEST(Pat, IsBinomialTreesPartByPart) {
  for (const Operation operation : {gather, scatter})
    for (std::int64_t n = 1; n <= 40; n = n < 20 ? n + 1 : n + 7) {
      const TopologyCase c = equal_hops(n, operation);
      const PatExchange pat(c.request());
      const MessageGraph graph = pat.graph(0, {});
      const NoiseCase noise(
          {{"noise.spike_probability", "0.2"}, {"noise.spike_delay", "exponential(mean=20us)"}},
          static_cast<std::uint64_t>(n));
      for (const double spread : {0.0, 3e-5}) {
        const auto ready = c.ready_times(spread, 3);
        for (const MessageNoise& messages : {MessageNoise{}, noise.messages}) {
          const auto delays = message_delays(messages, 0, pat.messages_per_group());
          std::map<std::pair<std::int64_t, std::int64_t>, double> late;
          for (const Message& m : graph.messages)
            late[{m.source, m.destination}] = delays[static_cast<std::size_t>(m.number)];
          const auto expected = by_parts(n, operation == gather, ready, late);
          const auto by_graph = graph.evaluate(
              ready, [&](std::int64_t i) { return delays[static_cast<std::size_t>(i)]; });
          std::vector<double> finish(ready.size());
          pat.begin_trial({})->run(messages, 0, 1, ready.data(), finish.data(), 1);
          for (std::size_t r = 0; r < finish.size(); ++r) {
            EXPECT_NEAR(finish[r], expected[r], 1e-12 * expected[r]) << n << " " << r;
            EXPECT_NEAR(by_graph[r], expected[r], 1e-12 * expected[r]) << n << " " << r;
          }
        }
      }
    }
}

TEST(Pat, KernelEqualsGraphUnderEveryNoise) {
  const NoiseCase noise({{"noise.spike_probability", "0.1"},
                         {"noise.spike_delay", "lognormal(median=10us, sigma=1)"},
                         {"noise.hop_jitter", "lognormal(median=500ns, sigma=0.5)"}},
                        7);
  for (const Operation operation : {gather, scatter})
    for (std::int64_t n : {1, 2, 5, 16, 27, 64}) {
      const TopologyCase c(kind_named("ring"),
                           {{"fleet.chips", fmt::format("H100:{}", 3 * n)},
                            {"chip.H100.scale_up_domain", "3"},
                            {"chip.H100.node", "3"},
                            {"fabric.leaf_chips", "6"},
                            {"fabric.pod_chips", "24"}},
                           3, 1, 3e5, no_settings, operation);
      const PatExchange pat(c.request());
      const auto factors = c.unequal_links(0.3, 5);
      const std::vector<double> tiers{1, 1.5, 3, 2};
      const LinkState links{factors, tiers};
      const auto ready = c.ready_times(1e-4, 3);
      std::vector<double> finish(ready.size());
      pat.begin_trial(links)->run(noise.messages, 0, 3, ready.data(), finish.data(), 1);
      for (std::int64_t group = 0; group < 3; ++group) {
        const auto delays = message_delays(noise.messages, group, pat.messages_per_group());
        const std::span row(ready.data() + group * n, static_cast<std::size_t>(n));
        const auto expected = pat.graph(group, links).evaluate(row, [&](std::int64_t i) {
          return delays.at(static_cast<std::size_t>(i));
        });
        for (std::size_t r = 0; r < expected.size(); ++r)
          EXPECT_NEAR(finish[static_cast<std::size_t>(group * n) + r], expected[r],
                      1e-12 * expected[r]);
      }
    }
}

TEST(Pat, TakesLogarithmicSteps) {
  for (const Operation operation : {gather, scatter})
    for (std::int64_t n = 2; n <= 300; n = n < 70 ? n + 1 : 2 * n - 11) {
      const TopologyCase c = equal_hops(n, operation);
      std::vector<double> finish(static_cast<std::size_t>(n));
      PatExchange(c.request())
          .begin_trial({})
          ->run({}, 0, 1, c.ready_times(0, 1).data(), finish.data(), 1);
      const double time = *std::ranges::max_element(finish);
      const auto steps = static_cast<double>(std::bit_width(static_cast<std::uint64_t>(n - 1)));
      const double carried = static_cast<double>(n - 1) / static_cast<double>(n) * bytes / rate;
      EXPECT_LE(time, (steps * latency + carried) * (1 + 1e-12)) << n;
      EXPECT_GE(time, (latency + carried) * (1 - 1e-12)) << n;
      if (std::has_single_bit(static_cast<std::uint64_t>(n))) {
        EXPECT_GE(time, (steps * latency + carried) * (1 - 1e-12)) << n;
      }
    }
}

double nccl_time(const Settings& settings, std::int64_t tensor, Operation operation, double size,
                 std::string* choice) {
  const TopologyCase c(kind_named("nccl"), settings, tensor, 1, size, no_settings, operation);
  if (choice) *choice = c.collective->choice();
  return std::ranges::max(c.run(MessageNoise{}, {}, c.ready_times(0, 1)));
}

/// 1,024 groups' ranks, each alone in its node: 8 us, ten hops of 14 / 3.5, 2.8 a rank, 47 of
/// 50 GB/s.
TEST(Pat, TakesWhatNcclsFormulaSays) {
  const Settings flat{{"fleet.chips", "H100:8192"},
                      {"fabric.spine_latency", "0s"},
                      {"fabric.core_latency", "0s"},
                      {"fabric.core_oversubscription", "1"}};
  for (const double size : {1e6, 1e8})
    for (const Operation operation : {gather, scatter}) {
      std::string choice;
      const double time = nccl_time(flat, 8, operation, size, &choice),
                   expected = (8 + 10 * 14 / 3.5 + 1024 * 2.8) * 1e-6 +
                              1023.0 / 1024 * size / (0.75 * 47e9);
      EXPECT_THAT(choice, StartsWith("PAT, Simple, 10 rounds"));
      EXPECT_NEAR(time, expected, 1e-9 * expected);
    }
}

TEST(Nccl, TakesForGathersAndScattersWhatItHas) {
  struct Named {
    const char* chips;
    std::int64_t tensor;
    const char *sharp, *taken;
    double size = 1e6;
  };
  for (const Operation operation : {gather, scatter})
    for (const Named& named : {Named{"H100:8", 1, "off", "ring, "},
                               {"H100:64", 1, "off", "ring, "},
                               {"H100:4096", 8, "off", "PAT, "},
                               {"H100:4096", 4, "off", "ring, "},  // two ranks a node
                               {"H100:8", 1, "on", "ring, "},
                               // 25 + 18 against 31 + 2 (3.7 + 7 x 0.4) us; then bytes count.
                               {"H100:256", 1, "on", "NVLS and SHARP, ", 1e3},
                               {"H100:256", 1, "on", "CollNet direct, "},
                               {"H100:256", 4, "on", "CollNet direct, "}}) {
      std::string choice;
      nccl_time({{"fleet.chips", named.chips}, {"topology.sharp", named.sharp}}, named.tensor,
                operation, named.size, &choice);
      EXPECT_THAT(choice, StartsWith(named.taken)) << named.chips << " " << named.tensor;
    }
}

double bus_of(const char* kind, const Settings& settings) {
  const TopologyCase c(kind_named(kind), settings, 1, 1, 1e9, no_settings);
  return 1e9 / std::ranges::max(c.run(MessageNoise{}, {}, c.ready_times(0, 1)));
}

TEST(Nccl, RefusesChipsOnWhichItDoesNotRun) {
  for (const char* name : {"MI300X", "TPUv4", "TPUv5e", "TPUv5p", "TPUv6e", "TPU7x"})
    for (const OperationRow& row : operation_rows) {
      const Settings fleet{{"fleet.chips", fmt::format("H100:8, {}:64", name)}};
      const auto made = [&](const Settings& settings) {
        return TopologyCase(kind_named("nccl"), settings, 1, 1, 1e6, no_settings, row.operation);
      };
      EXPECT_THAT([&] { made(fleet); },
                  testing::ThrowsMessage<InputError>(HasSubstr(fmt::format("chip.{}.nccl", name))));
      Settings equal = fleet, told = fleet;
      equal.insert(equal.end(),
                   {{"fabric.hop_latency", "2us"}, {"fabric.hop_bandwidth", "25GB/s"}});
      told.emplace_back(fmt::format("chip.{}.nccl", name), "hopper");
      EXPECT_NO_THROW(made(equal));
      EXPECT_NO_THROW(made(told));
    }
}

/// Eight chips of one domain: H100's switch adds, others exchange 2 (n - 1) / n of the buffer.
TEST(Nccl, NoSwitchAddsInDomainsOfOtherChips) {
  const auto of = [](const char* chips, Settings more = {}) {
    more.emplace_back("fleet.chips", chips);
    return bus_of("switch_reduce", more);
  };
  const double links = 0.824 * 448e9 * 4 / 7;
  EXPECT_NEAR(of("MI300X:8"), links, 0.05 * links);
  EXPECT_GT(of("MI300X:8", {{"chip.MI300X.nccl", "hopper"}}), 1.15 * links);
  EXPECT_NEAR(of("MI300X:8", {{"chip.MI300X.nccl", "ampere"}}), links, 0.05 * links);
  EXPECT_GT(of("H100:8"), 1.15 * links);
  EXPECT_EQ(of("H100:8"), of("Mine:8", {{"chip.Mine.peak", "1PFLOP/s"}}));
  EXPECT_LT(of("Mine:8", {{"chip.Mine.peak", "1PFLOP/s"}, {"chip.Mine.nccl", "none"}}),
            of("H100:8"));
  // Neither is anything like a name: what a generation of one's own takes is H100's.
  EXPECT_EQ(of("H100:8"), of("A100x:8", {{"chip.A100x.peak", "1PFLOP/s"}}));
}

}  // namespace
}  // namespace lockstep::test
