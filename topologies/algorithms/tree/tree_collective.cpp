#include "topologies/algorithms/tree/tree_collective.hpp"

#include <fmt/format.h>

#include <array>

#include "topologies/algorithms/tree/tree_plan.hpp"
#include "topologies/algorithms/tree/tree_trial.hpp"
#include "topologies/algorithms/tree/tree_walk.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

/// Builds the message graph of one lane, phase by phase.
class GraphBuilder {
 public:
  GraphBuilder(const TreePlan& plan, const TreeRun& run, std::size_t lane,
               const std::array<TreeHops::Costs, 2>& hops, MessageGraph& graph)
      : plan_(plan),
        run_(run),
        lane_(lane),
        trees_(plan.shapes[run.shape]),
        hops_(hops),
        graph_(graph) {
    for (std::size_t t : {0u, 1u})
      for (auto* table : {&up_, &down_})
        (*table)[t].assign(static_cast<std::size_t>(plan.ranks * plan.chunks), -1);
  }

  void build() {
    for (std::size_t t : {0u, 1u})
      for (std::int64_t c = 0; c < plan_.chunks; ++c)
        for (const TreeVisit& visit : trees_[t].visits) add_up(t, c, visit.vertex);
    for (std::size_t t : {0u, 1u})
      for (std::int64_t c = 0; c < plan_.chunks; ++c)
        for (auto v = trees_[t].visits.rbegin(); v != trees_[t].visits.rend(); ++v)
          add_down(t, c, v->vertex);
  }

 private:
  using Table = std::array<std::vector<std::int32_t>, 2>;

  std::int32_t& at(Table& table, std::size_t t, std::int64_t chunk, std::int32_t vertex) {
    return table[t][static_cast<std::size_t>(chunk * plan_.ranks + vertex)];
  }
  std::int32_t rank(std::int32_t vertex) const {
    return static_cast<std::int32_t>(run_.chips_at(vertex)[lane_] -
                                     run_.lanes[lane_].group * plan_.ranks);
  }
  std::int32_t parent(std::size_t t, std::int32_t vertex) const {
    return trees_[t].parent[static_cast<std::size_t>(vertex)];
  }
  std::size_t visit_of(std::size_t t, std::int32_t vertex) const {
    return static_cast<std::size_t>(trees_[t].visit_of[static_cast<std::size_t>(vertex)]);
  }
  bool network(std::size_t t, std::int32_t vertex) const {
    return run_.hops[t].wire(visit_of(t, vertex), lane_).tier != Tier::scale_up;
  }
  Message message(std::size_t t, std::int64_t phase, std::int64_t chunk, std::int32_t v) const {
    const HopCost& hop = hops_[t].costs[static_cast<std::size_t>(hops_[t].hop[visit_of(t, v)])];
    Message m;
    m.serialization = hop.gap.lane[lane_];
    m.latency = hop.latency.lane[lane_] - m.serialization;
    m.bytes = plan_.chunk_bytes(run_);
    m.number = plan_.numbering().of(run_.lanes[lane_].channel, phase, static_cast<std::int64_t>(t),
                                    chunk, rank(v));
    return m;
  }
  void keep(Message m, std::int32_t& slot) {
    slot = static_cast<std::int32_t>(graph_.messages.size());
    graph_.messages.push_back(std::move(m));
  }

  void add_up(std::size_t t, std::int64_t c, std::int32_t v) {
    Message m = message(t, 0, c, v);
    m.source = rank(v);
    m.destination = rank(parent(t, v));
    for (const TreeVisit& child : trees_[t].visits)
      if (parent(t, child.vertex) == v) m.inputs.push_back(at(up_, t, c, child.vertex));
    if (c > 0) {
      m.after_send = {at(up_, t, c - 1, v)};
      m.after_receive = {at(up_, t, c - 1, v)};
    }
    keep(std::move(m), at(up_, t, c, v));
  }

  void add_down(std::size_t t, std::int64_t c, std::int32_t v) {
    const std::int32_t p = parent(t, v);
    Message m = message(t, 1, c, v);
    m.source = rank(p);
    m.destination = rank(v);
    if (p == trees_[t].root) {
      for (const TreeVisit& child : trees_[t].visits)
        if (parent(t, child.vertex) == p) m.inputs.push_back(at(up_, t, c, child.vertex));
    } else {
      m.inputs = {at(down_, t, c, p)};
    }
    if (c > 0) {
      m.after_send = {at(down_, t, c - 1, v)};
      m.after_receive = {at(down_, t, c - 1, v)};
    } else if (plan_.share_ports()) {
      const std::int64_t last = plan_.chunks - 1;
      for (std::size_t u : {0u, 1u}) {
        if (p != trees_[u].root && network(u, p) == network(t, v))
          m.after_send.push_back(at(up_, u, last, p));
        for (const TreeVisit& child : trees_[u].visits)
          if (parent(u, child.vertex) == v && network(u, child.vertex) == network(t, v))
            m.after_receive.push_back(at(up_, u, last, child.vertex));
      }
    }
    keep(std::move(m), at(down_, t, c, v));
  }

  const TreePlan& plan_;
  const TreeRun& run_;
  std::size_t lane_;
  const std::array<Tree, 2>& trees_;
  const std::array<TreeHops::Costs, 2>& hops_;
  MessageGraph& graph_;
  Table up_, down_;  // message index by (chunk, vertex), of each tree
};

class DoubleTree final : public Collective {
 public:
  DoubleTree(const CollectiveRequest& request, TreeStyle style)
      : plan_(make_tree_plan(request, style)) {}

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return plan_.groups_per_call; }
  std::int64_t messages_per_group() const override { return plan_.numbering().messages(); }
  double cost_per_step(const Noise& noise) const override {
    return tree_cost(noise, plan_.numbering(), plan_.runs.size());
  }
  double scalar_all_reduce_time() const override { return plan_.scalar_time; }
  bool extrapolated() const override { return false; }
  std::string choice() const override {
    return fmt::format("{}, {}, {} chunk{}, depth {}", plan_.protocol,
                       count_text(plan_.channels, "channel"), plan_.chunks,
                       plan_.chunks == 1 ? "" : "s", plan_.depth);
  }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override {
    return make_tree_trial(plan_, links);
  }
  MessageGraph graph(std::int64_t group, const LinkState& links) const override {
    MessageGraph graph{plan_.ranks, plan_.base_latency, {}};
    for (const TreeRun& run : plan_.runs)
      for (std::size_t lane = 0; lane < run.used(); ++lane) {
        if (run.lanes[lane].group != group) continue;
        GraphBuilder(plan_, run, lane, {plan_.costs(run, 0, links), plan_.costs(run, 1, links)},
                     graph)
            .build();
      }
    return graph;
  }

 private:
  TreePlan plan_;
};

}  // namespace

std::unique_ptr<Collective> make_tree_collective(const CollectiveRequest& request,
                                                 TreeStyle style) {
  return std::make_unique<DoubleTree>(request, style);
}

}  // namespace lockstep
