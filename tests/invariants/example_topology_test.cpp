// The example of README "Adding a topology": a kind that is a message graph alone.

#include <gtest/gtest.h>

#include "tests/invariants/topology_case.hpp"
#include "topologies/algorithms/graph_collective.hpp"
#include "topologies/kind.hpp"
#include "topologies/wiring/nccl/hop_use.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

/// The sum goes from rank to rank to the last one, and back.
class Chain final : public GraphCollective {
 public:
  explicit Chain(const CollectiveRequest& request) : GraphCollective(request) {
    std::vector<Flow> flows;  // hop (group, r) joins ranks r and r + 1; the last one is idle
    for (std::int32_t chip = 0; chip < request.layout.chips(); ++chip)
      flows.push_back({chip, (chip + 1) % ranks() ? chip + 1 : chip});
    const NcclHops simple =
        nccl_hops(nccl_group(request, 0), NcclAlgorithm::ring, NcclProtocol::simple);
    hops_ = route(request, PortUse{simple.inside, simple.network}, flows);
  }
  std::int64_t messages_per_group() const override { return 2 * (ranks() - 1); }
  MessageGraph graph(std::int64_t group, const LinkState& links) const override {
    MessageGraph graph{.ranks = ranks(), .messages = {}};
    for (std::int64_t k = 0; k < messages_per_group(); ++k) {
      const bool back = k >= ranks() - 1;
      const std::int64_t lower = back ? messages_per_group() - 1 - k : k;
      const auto chip = static_cast<std::size_t>(group * ranks() + lower);
      Message& m = graph.messages.emplace_back();
      m.source = static_cast<std::int32_t>(back ? lower + 1 : lower);
      m.destination = static_cast<std::int32_t>(back ? lower : lower + 1);
      m.latency = hops_[chip].latency;
      m.serialization = bytes() / hops_[chip].bandwidth;
      m.serialization *= links.hop_factor(hops_[chip].tier, chip, chip + 1);
      m.bytes = bytes();
      m.number = k;
      if (k > 0) m.inputs = {static_cast<std::int32_t>(k - 1)};
    }
    return graph;
  }

 private:
  std::vector<Hop> hops_;
};

const TopologyKind chain_topology{.name = "chain",
                                  .summary = "chain of ranks, there and back, on a switched fabric",
                                  .source = "an example",
                                  .parameters = {},
                                  .usable_replicas = any_replicas,
                                  .make = make_collective<Chain>};

}  // namespace

namespace test {
namespace {

Settings no_settings(std::int64_t, std::int64_t) {
  return {};
}

TEST(ExampleTopology, TakesTwoWaysOverAllHops) {
  const TopologyCase c(chain_topology,
                       {{"fleet.chips", "H100:35"},
                        {"fabric.hop_latency", "3us"},
                        {"fabric.hop_bandwidth", "10GB/s"}},
                       5, 1, 1e6, no_settings);
  ASSERT_EQ(c.ranks(), 7);
  const auto finish = c.run(MessageNoise{}, {}, c.ready_times(0, 1));
  const double hop = 3e-6 + 1e6 / 10e9;
  for (std::int64_t group = 0; group < c.groups(); ++group)
    for (std::int64_t rank = 0; rank < c.ranks(); ++rank)
      EXPECT_NEAR(finish[static_cast<std::size_t>(group * c.ranks() + rank)],
                  static_cast<double>(12 - rank) * hop, 1e-12);
}

TEST(ExampleTopology, MeetsNoiseAndSlowLinks) {
  const TopologyCase c(chain_topology, {{"fleet.chips", "H100:35"}}, 5, 1, 1e6, no_settings);
  const auto ready = c.ready_times(0, 1);
  const double quiet = c.run(MessageNoise{}, {}, ready)[0];
  const NoiseCase spikes({{"noise.spike_probability", "1"}, {"noise.spike_delay", "1ms"}}, 3);
  EXPECT_NEAR(c.run(spikes.messages, {}, ready)[0], quiet + 12e-3, 1e-12);
  EXPECT_GT(c.run(MessageNoise{}, {c.unequal_links(1, 3)}, ready)[0], quiet);
}

}  // namespace
}  // namespace test
}  // namespace lockstep
