#include "topologies/tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "topologies/kind.hpp"
#include "topologies/switched_fabric.hpp"
#include "topologies/tree_plan.hpp"
#include "topologies/tree_trial.hpp"

namespace lockstep {
namespace {

/// Builds the message graph of one channel, phase by phase.
class GraphBuilder {
 public:
  GraphBuilder(const TreePlan& plan, const LaneRun& run, std::int64_t lane, std::int64_t channel,
               const TreeHops* hops, MessageGraph& graph)
      : plan_(plan),
        lane_(lane),
        channel_(channel),
        trees_(run.trees.data() + static_cast<std::size_t>(2 * channel)),
        hops_(hops),
        graph_(graph) {
    for (std::size_t t : {0u, 1u})
      for (auto* table : {&up_, &down_})
        (*table)[t].assign(static_cast<std::size_t>(plan.ranks * plan.chunks), -1);
  }

  void build() {
    for (std::size_t t : {0u, 1u})
      for (std::int64_t c = 0; c < plan_.chunks; ++c)
        for (std::int32_t v : trees_[t].order) add_up(t, c, v);
    for (std::size_t t : {0u, 1u})
      for (std::int64_t c = 0; c < plan_.chunks; ++c)
        for (auto v = trees_[t].order.rbegin(); v != trees_[t].order.rend(); ++v)
          add_down(t, c, *v);
  }

 private:
  using Table = std::array<std::vector<std::int32_t>, 2>;

  std::int32_t& at(Table& table, std::size_t t, std::int64_t chunk, std::int32_t rank) {
    return table[t][static_cast<std::size_t>(chunk * plan_.ranks + rank)];
  }
  bool network(std::size_t t, std::int32_t rank) const {
    return hops_[t].tier[plan_.cell(rank, lane_)] != Tier::scale_up;
  }
  Message message(std::size_t t, std::int64_t phase, std::int64_t chunk, std::int32_t v) const {
    Message m;
    m.serialization = hops_[t].gap[plan_.cell(v, lane_)];
    m.latency = hops_[t].latency[plan_.cell(v, lane_)] - m.serialization;
    m.bytes = plan_.chunk_bytes(plan_.chunks);
    m.number = (plan_.first_row(channel_, phase, t) + chunk) * plan_.ranks + v;
    return m;
  }
  void keep(Message m, std::int32_t& slot) {
    slot = static_cast<std::int32_t>(graph_.messages.size());
    graph_.messages.push_back(std::move(m));
  }

  void add_up(std::size_t t, std::int64_t c, std::int32_t v) {
    Message m = message(t, 0, c, v);
    m.source = v;
    m.destination = trees_[t].parent[static_cast<std::size_t>(v)];
    for (std::int32_t child : trees_[t].order)
      if (trees_[t].parent[static_cast<std::size_t>(child)] == v)
        m.inputs.push_back(at(up_, t, c, child));
    if (c > 0) {
      m.after_send = {at(up_, t, c - 1, v)};
      m.after_receive = {at(up_, t, c - 1, v)};
    }
    keep(std::move(m), at(up_, t, c, v));
  }

  void add_down(std::size_t t, std::int64_t c, std::int32_t v) {
    Message m = message(t, 1, c, v);
    const std::int32_t p = trees_[t].parent[static_cast<std::size_t>(v)];
    m.source = p;
    m.destination = v;
    if (p == trees_[t].root) {
      for (std::int32_t child : trees_[t].order)
        if (trees_[t].parent[static_cast<std::size_t>(child)] == p)
          m.inputs.push_back(at(up_, t, c, child));
    } else {
      m.inputs = {at(down_, t, c, p)};
    }
    if (c > 0) {
      m.after_send = {at(down_, t, c - 1, v)};
      m.after_receive = {at(down_, t, c - 1, v)};
    } else {
      const std::int64_t last = plan_.chunks - 1;
      for (std::size_t u : {0u, 1u}) {
        if (p != trees_[u].root && network(u, p) == network(t, v))
          m.after_send.push_back(at(up_, u, last, p));
        for (std::int32_t child : trees_[u].order)
          if (trees_[u].parent[static_cast<std::size_t>(child)] == v &&
              network(u, child) == network(t, v))
            m.after_receive.push_back(at(up_, u, last, child));
      }
    }
    keep(std::move(m), at(down_, t, c, v));
  }

  const TreePlan& plan_;
  std::int64_t lane_, channel_;
  const Tree* trees_;
  const TreeHops* hops_;
  MessageGraph& graph_;
  Table up_, down_;  // message index by (chunk, rank), of each tree
};

class DoubleTree final : public Collective {
 public:
  explicit DoubleTree(const CollectiveRequest& request) : plan_(make_tree_plan(request)) {}

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return plan_.lanes; }
  std::int64_t messages_per_group() const override { return plan_.messages(); }
  double cost_per_step(const Noise& noise) const override {
    const auto messages = static_cast<double>(plan_.groups * plan_.messages());
    if (!noise.hop_jitter.is_none()) return messages * jittered_message_cost;
    // Runs without a spike follow two chunks in place of all; 9e8 messages/s on one AVX-512 core.
    const double spikes =
        noise.spike_probability * static_cast<double>(plan_.lanes * plan_.messages());
    const double all_chunks = std::min(1.0, spikes);
    const double ends = std::min(1.0, 2 / static_cast<double>(plan_.chunks));
    return 10 * messages * (all_chunks + (1 - all_chunks) * ends);
  }
  double scalar_all_reduce_time() const override { return plan_.scalar_time; }
  bool extrapolated() const override { return false; }
  std::string choice() const override {
    return fmt::format("{}, {} channel{}, {} chunk{}, depth {}", plan_.protocol, plan_.channels,
                       plan_.channels == 1 ? "" : "s", plan_.chunks, plan_.chunks == 1 ? "" : "s",
                       plan_.depth);
  }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override {
    return make_tree_trial(plan_, links);
  }
  MessageGraph graph(std::int64_t group, const LinkState& links) const override {
    const std::vector<TreeHops> hops = plan_.slowed_hops(links);
    MessageGraph graph{plan_.ranks, plan_.base_latency, {}};
    for (std::size_t r = 0; r < plan_.runs.size(); ++r) {
      const LaneRun& run = plan_.runs[r];
      for (std::int64_t lane = 0; lane < run.used; ++lane)
        if (run.groups[static_cast<std::size_t>(lane)] == group)
          for (std::int64_t channel = 0; channel < plan_.channels; ++channel)
            GraphBuilder(plan_, run, lane, channel,
                         hops.data() + r * run.trees.size() + static_cast<std::size_t>(2 * channel),
                         graph)
                .build();
    }
    return graph;
  }

 private:
  TreePlan plan_;
};

std::span<const Parameter> tree_parameters() {
  static const std::vector<Parameter> rows{
      channels_parameter(),
      chunks_parameter(),
  };
  return rows;
}

}  // namespace

const TopologyKind tree_topology{
    .name = "tree",
    .summary = "double binary tree over scale-up domains, chains inside, on a switched fabric",
    .source = "Sanders, Speck, Traeff (2009); NCCL 2.30, src/graph/trees.cc",
    .parameters = tree_parameters(),
    .usable_replicas = any_replicas,
    .make = make_collective<DoubleTree>,
};

}  // namespace lockstep
