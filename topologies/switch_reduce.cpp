#include "topologies/switch_reduce.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "topologies/algorithms/noise_free_time.hpp"
#include "topologies/algorithms/tree/switch_tree.hpp"
#include "topologies/algorithms/tree/tree_walk.hpp"
#include "topologies/kind.hpp"
#include "topologies/ring.hpp"
#include "topologies/wiring/chunks.hpp"
#include "topologies/wiring/nccl/tuning_model.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

constexpr double streaming_share = 0.95;  // of a port's rate, see switch_reduce.hpp

/// Groups on equal trees.
struct SwitchRun : LaneRun {
  SwitchTree switches;         ///< of its first group; others may have other uplinks
  std::vector<TreeHops> hops;  ///< (1)
};

class SwitchReduce final : public Collective {
 public:
  explicit SwitchReduce(const CollectiveRequest& request)
      : ranks_(request.layout.replicas), groups_(request.layout.groups()), bytes_(request.bytes) {
    const Fabric& fabric = request.fabric;
    if (!fabric.uniform() && ranks_ > 1)
      base_latency_ = nccl_start_up(NcclAlgorithm::tree, NcclProtocol::simple);
    tier_latency_ = {0, request.values.real("topology.switch_latency"), fabric.spine_latency / 2,
                     std::max(0.0, fabric.core_latency - fabric.spine_latency) / 2};
    if (fabric.uniform()) tier_latency_.fill(*fabric.hop_latency);
    make_runs(request);
    keep_hops(request);
    choose_chunks(request);
    set_scalar_time(request);
  }

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return tree_lanes; }
  std::int64_t messages_per_group() const override { return numbering().messages(); }
  double cost_per_step(const Noise& noise) const override {
    return tree_cost(noise, numbering(), runs_.size());
  }
  double scalar_all_reduce_time() const override { return scalar_time_; }
  bool extrapolated() const override { return false; }
  std::string choice() const override {
    return fmt::format("{} chunk{}, {} tier{} of switches", chunks_, chunks_ == 1 ? "" : "s",
                       depth_, depth_ == 1 ? "" : "s");
  }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class SwitchReduceTrial;

  double latency(Tier tier) const { return tier_latency_[static_cast<std::size_t>(tier)]; }
  double chunk_bytes() const { return chunk_on_link(bytes_, chunks_); }
  TreeNumbering numbering() const { return {1, 1, chunks_, most_vertices_}; }

  void make_runs(const CollectiveRequest& request) {
    for (std::int64_t first = 0; first < groups_; first += tree_lanes) {
      std::vector<SwitchTree> trees;
      std::vector<std::vector<LaneRun::Lane>> lanes;  // of each
      for (std::int64_t g = first; g < std::min<std::int64_t>(first + tree_lanes, groups_); ++g) {
        SwitchTree switches = switch_tree(request, g);
        const auto same = std::find_if(trees.begin(), trees.end(), [&](const SwitchTree& t) {
          return t.tree.parent == switches.tree.parent;
        });
        if (same == trees.end()) {
          trees.push_back(std::move(switches));
          lanes.push_back({{g, 0}});
        } else {
          lanes[static_cast<std::size_t>(same - trees.begin())].push_back({g, 0});
        }
      }
      for (std::size_t t = 0; t < trees.size(); ++t) {
        SwitchRun& run = runs_.emplace_back(
            SwitchRun{make_lane_run(std::move(lanes[t]), ranks_), std::move(trees[t]), {}});
        for (std::size_t lane = 0; lane < tree_lanes; ++lane)
          for (std::int64_t rank = 0; rank < ranks_; ++rank) {
            const std::size_t used = std::min(lane, run.used() - 1);
            run.chip[static_cast<std::size_t>(rank) * tree_lanes + lane] =
                static_cast<std::int32_t>(run.lanes[used].group * ranks_ + rank);
            run.vertex[used * static_cast<std::size_t>(ranks_) + static_cast<std::size_t>(rank)] =
                static_cast<std::int32_t>(rank);
          }
        most_vertices_ = std::max(most_vertices_, run.switches.vertices());
        depth_ = std::max(depth_, run.switches.tree.depth);
      }
    }
  }

  /// Hops of all groups.
  void keep_hops(const CollectiveRequest& request) {
    const Fabric& fabric = request.fabric;
    std::vector<SwitchTree> trees;
    for (std::int64_t group = 0; group < groups_; ++group)
      trees.push_back(switch_tree(request, group));
    // Groups that cross the uplinks of each leaf and of each pod.
    std::map<std::pair<Tier, std::int64_t>, double> crossing;
    for (const SwitchTree& t : trees)
      for (const TreeVisit& visit : t.tree.visits)
        if (const auto v = static_cast<std::size_t>(visit.vertex); t.tier[v] != Tier::leaf)
          ++crossing[{t.tier[v], t.uplink[v]}];
    const auto hop = [&](const SwitchTree& t, std::size_t v) -> Hop {
      if (fabric.uniform()) return {*fabric.hop_latency, *fabric.hop_bandwidth, t.tier[v]};
      double bandwidth = streaming_share * t.port_bandwidth[v];
      if (t.tier[v] != Tier::leaf) {
        const bool leaf = t.tier[v] == Tier::spine;
        bandwidth *= std::min(1.0, (leaf ? fabric.leaf_chips / fabric.spine_oversubscription
                                         : fabric.pod_chips / fabric.core_oversubscription) /
                                       crossing.at({t.tier[v], t.uplink[v]}));
      }
      return {latency(t.tier[v]), bandwidth, t.tier[v]};
    };
    for (SwitchRun& run : runs_) {
      const Tree& tree = run.switches.tree;
      run.hops.emplace_back(tree, run.used(), [&](std::size_t visit, std::size_t lane) {
        return hop(trees[static_cast<std::size_t>(run.lanes[lane].group)],
                   static_cast<std::size_t>(tree.visits[visit].vertex));
      });
    }
  }

  /// The number of chunks of least noise-free time.
  void choose_chunks(const CollectiveRequest& request) {
    const std::vector<std::int64_t> open = open_chunks(request);
    chunks_ = open[fastest(open.size(), [&](std::size_t candidate) {
      chunks_ = open[candidate];
      return noise_free_time(*begin_trial({}), groups_, ranks_);
    })];
  }

  /// A few bytes up to the top of the tree over all chips of the job, and back.
  void set_scalar_time(const CollectiveRequest& request) {
    const auto ends = std::minmax_element(request.layout.slot.begin(), request.layout.slot.end());
    const auto spans = [&](double chips) {
      return std::floor(*ends.first / chips) != std::floor(*ends.second / chips);
    };
    constexpr double scalar_bytes = 4;
    const double serialization =
        request.fabric.uniform() ? scalar_bytes / *request.fabric.hop_bandwidth : 0;
    const auto hop = [&](Tier tier) { return 2 * (latency(tier) + serialization); };
    if (request.layout.chips() == 1) return;
    scalar_time_ =
        (request.fabric.uniform() ? 0 : nccl_start_up(NcclAlgorithm::tree, NcclProtocol::ll)) +
        hop(Tier::leaf);
    if (spans(request.fabric.leaf_chips)) scalar_time_ += hop(Tier::spine);
    if (spans(request.fabric.pod_chips)) scalar_time_ += hop(Tier::core);
  }

  std::int64_t ranks_, groups_, most_vertices_ = 1, chunks_ = 1;
  std::int32_t depth_ = 0;
  double bytes_, base_latency_ = 0, scalar_time_ = 0;
  std::array<double, tier_count> tier_latency_{};
  std::vector<SwitchRun> runs_;  // none crosses a multiple of tree_lanes
};

MessageGraph SwitchReduce::graph(std::int64_t group, const LinkState& links) const {
  const LaneRun::Lane wanted{group, 0};
  const auto lane_in = [&](const SwitchRun& r) {
    return std::find(r.lanes.begin(), r.lanes.end(), wanted) - r.lanes.begin();
  };
  const SwitchRun& run = *std::find_if(runs_.begin(), runs_.end(), [&](const SwitchRun& r) {
    return lane_in(r) < std::ssize(r.lanes);
  });
  const auto lane = static_cast<std::size_t>(lane_in(run));
  const Tree& tree = run.switches.tree;
  const TreeHops::Costs costs = run.hops[0].under(links, tree, run, chunk_bytes());
  MessageGraph graph{.ranks = ranks_, .start_latency = base_latency_, .messages = {}};
  graph.switches = run.switches.vertices() - ranks_;

  std::vector<std::vector<std::int32_t>> children(tree.parent.size());
  for (const auto& [v, level, shared] : tree.visits)
    children[static_cast<std::size_t>(tree.parent[static_cast<std::size_t>(v)])].push_back(v);
  const auto count = static_cast<std::size_t>(chunks_);
  // Message on the hop above each vertex, by chunk.
  std::vector<std::vector<std::int32_t>> up(count, std::vector<std::int32_t>(tree.parent.size()));
  auto down = up;
  const auto add = [&](std::size_t chunk, std::int32_t v, bool rises) {
    auto& sent = rises ? up : down;
    const auto at = static_cast<std::size_t>(v);
    const std::int32_t parent = tree.parent[at];
    Message m;
    m.source = rises ? v : parent;
    m.destination = rises ? parent : v;
    const auto visit = static_cast<std::size_t>(tree.visit_of[at]);
    const HopCost& cost = costs.costs[static_cast<std::size_t>(costs.hop[visit])];
    m.serialization = cost.gap.lane[lane];
    m.latency = cost.latency.lane[lane] - m.serialization;
    m.bytes = chunk_bytes();
    m.number = numbering().of(0, rises ? 0 : 1, 0, static_cast<std::int64_t>(chunk), v);
    if (!rises && parent != tree.root)
      m.inputs = {down[chunk][static_cast<std::size_t>(parent)]};
    else
      for (std::int32_t child : children[static_cast<std::size_t>(m.source)])
        m.inputs.push_back(up[chunk][static_cast<std::size_t>(child)]);
    if (chunk > 0) m.after_send = m.after_receive = {sent[chunk - 1][at]};
    sent[chunk][at] = static_cast<std::int32_t>(graph.messages.size());
    graph.messages.push_back(std::move(m));
  };
  for (std::size_t chunk = 0; chunk < count; ++chunk)
    for (const TreeVisit& visit : tree.visits) add(chunk, visit.vertex, true);
  for (std::size_t chunk = 0; chunk < count; ++chunk)
    for (auto visit = tree.visits.rbegin(); visit != tree.visits.rend(); ++visit)
      add(chunk, visit->vertex, false);
  return graph;
}

class SwitchReduceTrial final : public CollectiveTrial {
 public:
  SwitchReduceTrial(const SwitchReduce& collective, const LinkState& links) : c_(collective) {
    for (const SwitchRun& run : c_.runs_)
      hops_.push_back(run.hops[0].under(links, run.switches.tree, run, c_.chunk_bytes()));
  }

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& /*how*/) const override {
    std::copy(ready + first_group * c_.ranks_, ready + std::min(last_group, c_.groups_) * c_.ranks_,
              finish + first_group * c_.ranks_);
    const TreeNumbering numbering = c_.numbering();
    for (std::size_t r = 0; r < c_.runs_.size(); ++r) {
      const SwitchRun& run = c_.runs_[r];
      const std::int64_t group = run.lanes.front().group;
      if (group >= first_group && group < last_group)
        walk_trees({.noise = noise,
                    .numbering = numbering,
                    .run = run,
                    .trees = {&run.switches.tree, 1},
                    .hops = &hops_[r]},
                   ready, c_.base_latency_, finish);
    }
  }

 private:
  const SwitchReduce& c_;
  std::vector<TreeHops::Costs> hops_;  // (runs)
};

std::unique_ptr<CollectiveTrial> SwitchReduce::begin_trial(const LinkState& links) const {
  return std::make_unique<SwitchReduceTrial>(*this, links);
}

std::span<const Parameter> parameters() {
  static const std::vector<Parameter> rows{
      chunks_parameter(),
      {.key = "topology.switch_latency",
       .number = 84,
       .dimension = Dimension::time,
       .default_text = "0.7us",
       .summary = "in-network reduction: latency of the hop between a chip and its leaf switch",
       .source = "2.83 us for 8 bytes over 128 hosts, four hops (Graham et al., COMHPC 2016)"},
  };
  return rows;
}

}  // namespace

const TopologyKind switch_reduce_topology{
    .name = "switch_reduce",
    .summary = "reduction inside the switches (as SHARP), leaf to spine to core and back",
    .source = "Graham et al., SHArP (COMHPC 2016); streaming rate: Graham et al. (ISC 2020)",
    .parameters = parameters(),
    .usable_replicas = any_replicas,
    .make = make_collective<SwitchReduce>,
    .stand_in = &ring_topology,
};

}  // namespace lockstep
