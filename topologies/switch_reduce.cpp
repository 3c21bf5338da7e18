#include "topologies/switch_reduce.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "topologies/kind.hpp"
#include "topologies/nccl_constants.hpp"
#include "topologies/switch_tree.hpp"
#include "topologies/switched_fabric.hpp"
#include "topologies/tree_kernels.hpp"
#include "topologies/tree_walk.hpp"

namespace lockstep {
namespace {

constexpr double streaming_share = 0.95;  // of a port's rate, see switch_reduce.hpp

/// Costs of the hops to the parents, (vertices, lanes) [s].
struct UpHops {
  std::vector<double> latency, gap, pipeline_gap;
};

/// Groups on equal trees that go through the kernels side by side.
struct SwitchRun {
  LaneRun lanes;                ///< without trees of its own
  SwitchTree tree;              ///< of its first group; others may have other uplinks
  std::vector<double> latency;  ///< (vertices)
  std::vector<double> rate;     ///< (vertices, lanes) [s/B]
};

class SwitchReduce final : public Collective {
 public:
  explicit SwitchReduce(const CollectiveRequest& request)
      : ranks_(request.layout.replicas),
        groups_(request.layout.groups()),
        lanes_(groups_ >= tree_lanes ? tree_lanes : 1),
        bytes_(request.bytes) {
    const Fabric& fabric = request.fabric;
    if (!fabric.uniform() && ranks_ > 1) base_latency_ = nccl_protocols.back().tree_base;
    tier_latency_ = {0, request.values.real("topology.switch_latency"), fabric.spine_latency / 2,
                     std::max(0.0, fabric.core_latency - fabric.spine_latency) / 2};
    if (fabric.uniform()) tier_latency_.fill(*fabric.hop_latency);
    make_runs(request);
    choose_chunks(request.values.optional_count("topology.chunks"));
    set_scalar_time(request);
  }

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return lanes_; }
  std::int64_t messages_per_group() const override { return 2 * chunks_ * most_vertices_; }
  double cost_per_step(const Noise& noise) const override {
    const auto messages = static_cast<double>(groups_ * messages_per_group());
    if (!noise.hop_jitter.is_none()) return messages * jittered_message_cost;
    // As for a tree: runs without a spike follow two chunks in place of all.
    const double all_chunks =
        std::min(1.0, noise.spike_probability * static_cast<double>(lanes_ * messages_per_group()));
    const double ends = std::min(1.0, 2 / static_cast<double>(chunks_));
    return 10 * messages * (all_chunks + (1 - all_chunks) * ends);
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
  double chunk_bytes() const { return bytes_ / static_cast<double>(chunks_); }

  void make_runs(const CollectiveRequest& request) {
    std::vector<SwitchTree> trees;
    for (std::int64_t group = 0; group < groups_; ++group)
      trees.push_back(switch_tree(request, group));
    // Groups that cross the uplinks of each leaf and of each pod.
    std::map<std::pair<Tier, std::int64_t>, double> crossing;
    for (const SwitchTree& t : trees)
      for (std::int32_t v : t.tree.order)
        if (const auto at = static_cast<std::size_t>(v); t.tier[at] != Tier::leaf)
          ++crossing[{t.tier[at], t.uplink[at]}];

    const Fabric& fabric = request.fabric;
    const auto rate = [&](const SwitchTree& t, std::size_t v) {
      if (fabric.uniform()) return 1 / *fabric.hop_bandwidth;
      double bandwidth = t.port_bandwidth[v];
      if (t.tier[v] != Tier::leaf) {
        const bool leaf = t.tier[v] == Tier::spine;
        bandwidth *= std::min(1.0, (leaf ? fabric.leaf_chips / fabric.spine_oversubscription
                                         : fabric.pod_chips / fabric.core_oversubscription) /
                                       crossing.at({t.tier[v], t.uplink[v]}));
      }
      return 1 / (streaming_share * bandwidth);
    };
    for (std::int64_t first = 0; first < groups_; first += lanes_) {
      const std::size_t begin = runs_.size();
      for (std::int64_t g = first; g < std::min(first + lanes_, groups_); ++g) {
        const auto same = std::find_if(runs_.begin() + static_cast<std::ptrdiff_t>(begin),
                                       runs_.end(), [&](const SwitchRun& run) {
                                         return run.tree.tree.parent ==
                                                trees[static_cast<std::size_t>(g)].tree.parent;
                                       });
        SwitchRun& run = same == runs_.end() ? runs_.emplace_back() : *same;
        if (run.lanes.groups.empty()) run.tree = trees[static_cast<std::size_t>(g)];
        run.lanes.groups.push_back(g);
      }
    }
    for (SwitchRun& run : runs_) {
      run.lanes.used = static_cast<std::int64_t>(run.lanes.groups.size());
      run.lanes.groups.resize(static_cast<std::size_t>(lanes_), run.lanes.groups.back());
      most_vertices_ = std::max(most_vertices_, run.tree.vertices());
      depth_ = std::max(depth_, run.tree.tree.depth);
      for (Tier tier : run.tree.tier) run.latency.push_back(latency(tier));
      run.rate.assign(run.latency.size() * run.lanes.groups.size(), 0);
      for (std::int32_t v : run.tree.tree.order)
        for (std::int64_t lane = 0; lane < lanes_; ++lane)
          run.rate[cell(v, lane)] = rate(
              trees[static_cast<std::size_t>(run.lanes.groups[static_cast<std::size_t>(lane)])],
              static_cast<std::size_t>(v));
    }
  }

  /// The number of chunks of least time by the closed form, at the slowest hop of each tier.
  void choose_chunks(std::optional<std::int64_t> given) {
    double latency = 0, slowest = 0;
    for (const SwitchRun& run : runs_)
      for (std::int32_t v : run.tree.tree.order) {
        latency = std::max(latency, run.latency[static_cast<std::size_t>(v)]);
        for (std::int64_t lane = 0; lane < lanes_; ++lane)
          slowest = std::max(slowest, run.rate[cell(v, lane)]);
      }
    double best = 1e300;
    for (std::int64_t chunks = given.value_or(1); chunks <= given.value_or(most_auto_chunks);
         chunks *= 2) {
      const double gap = bytes_ / static_cast<double>(chunks) * slowest;
      const double time = 2 * depth_ * (latency + gap) + static_cast<double>(chunks - 1) * gap;
      if (time >= best) continue;
      best = time;
      chunks_ = chunks;
    }
  }

  /// A few bytes up to the top of the tree over all chips of the job, and back.
  void set_scalar_time(const CollectiveRequest& request) {
    const auto [low, high] =
        std::minmax_element(request.layout.slot.begin(), request.layout.slot.end());
    const auto spans = [&](double chips) {
      return std::floor(*low / chips) != std::floor(*high / chips);
    };
    constexpr double scalar_bytes = 4;
    const double serialization =
        request.fabric.uniform() ? scalar_bytes / *request.fabric.hop_bandwidth : 0;
    const auto hop = [&](Tier tier) { return 2 * (latency(tier) + serialization); };
    if (request.layout.chips() == 1) return;
    scalar_time_ =
        (request.fabric.uniform() ? 0 : nccl_protocols.front().tree_base) + hop(Tier::leaf);
    if (spans(request.fabric.leaf_chips)) scalar_time_ += hop(Tier::spine);
    if (spans(request.fabric.pod_chips)) scalar_time_ += hop(Tier::core);
  }

  std::size_t cell(std::int32_t vertex, std::int64_t lane) const {
    return static_cast<std::size_t>(vertex * lanes_ + lane);
  }

  /// Hops under a trial's slow links: a slow NIC slows its chip's hop to the leaf.
  UpHops hops(const SwitchRun& run, const LinkState& links) const {
    UpHops hops;
    for (std::int64_t v = 0; v < run.tree.vertices(); ++v)
      for (std::int64_t lane = 0; lane < lanes_; ++lane) {
        double gap = chunk_bytes() * run.rate[cell(static_cast<std::int32_t>(v), lane)];
        if (v < ranks_) {
          const auto chip = static_cast<std::size_t>(
              run.lanes.groups[static_cast<std::size_t>(lane)] * ranks_ + v);
          gap *= links.hop_factor(Tier::leaf, chip, chip);
        } else if (!links.tier.empty()) {
          gap *= links.tier[static_cast<std::size_t>(run.tree.tier[static_cast<std::size_t>(v)])];
        }
        hops.gap.push_back(gap);
        hops.latency.push_back(run.latency[static_cast<std::size_t>(v)] + gap);
        hops.pipeline_gap.push_back(gap * static_cast<double>(chunks_ - 1));
      }
    return hops;
  }

  std::int64_t ranks_, groups_, lanes_, most_vertices_ = 1, chunks_ = 1;
  std::int32_t depth_ = 0;
  double bytes_, base_latency_ = 0, scalar_time_ = 0;
  std::array<double, tier_count> tier_latency_{};
  std::vector<SwitchRun> runs_;  // none crosses a multiple of lanes_
};

MessageGraph SwitchReduce::graph(std::int64_t group, const LinkState& links) const {
  const auto is_in = [&](const SwitchRun& r) {
    return std::find(r.lanes.groups.begin(), r.lanes.groups.end(), group) != r.lanes.groups.end();
  };
  const SwitchRun& run = *std::find_if(runs_.begin(), runs_.end(), is_in);
  const Tree& tree = run.tree.tree;
  const auto lane =
      std::find(run.lanes.groups.begin(), run.lanes.groups.end(), group) - run.lanes.groups.begin();
  const UpHops costs = hops(run, links);
  MessageGraph graph{.ranks = ranks_, .start_latency = base_latency_, .messages = {}};
  graph.switches = run.tree.vertices() - ranks_;

  std::vector<std::vector<std::int32_t>> children(tree.parent.size());
  for (std::int32_t v : tree.order)
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
    m.serialization = costs.gap[cell(v, lane)];
    m.latency = run.latency[at];
    m.bytes = chunk_bytes();
    m.number = (static_cast<std::int64_t>(chunk) + (rises ? 0 : chunks_)) * most_vertices_ + v;
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
    for (std::int32_t v : tree.order) add(chunk, v, true);
  for (std::size_t chunk = 0; chunk < count; ++chunk)
    for (auto v = tree.order.rbegin(); v != tree.order.rend(); ++v) add(chunk, *v, false);
  return graph;
}

class SwitchReduceTrial final : public CollectiveTrial {
 public:
  SwitchReduceTrial(const SwitchReduce& collective, const LinkState& links) : c_(collective) {
    for (const SwitchRun& run : c_.runs_) hops_.push_back(c_.hops(run, links));
  }

  void all_reduce(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
                  const double* ready, double* finish, int /*workers*/) const override {
    for (std::size_t r = 0; r < c_.runs_.size(); ++r) {
      const SwitchRun& run = c_.runs_[r];
      if (run.lanes.groups.front() >= first_group && run.lanes.groups.front() < last_group)
        reduce(run, hops_[r], noise, ready, finish);
    }
  }

 private:
  void reduce(const SwitchRun& run, const UpHops& hops, const MessageNoise& noise,
              const double* ready, double* finish) const {
    const Tree& tree = run.tree.tree;
    const std::int64_t lanes = c_.lanes_;
    const auto cells = static_cast<std::size_t>(run.tree.vertices() * lanes);
    const auto row_of = [&](std::int64_t lane) {
      return run.lanes.groups[static_cast<std::size_t>(lane)] * c_.ranks_;
    };
    std::vector<double> begin(cells, never), arrival(cells, never), start(cells, never);
    for (std::int32_t v = 0; v < c_.ranks_; ++v)
      for (std::int64_t lane = 0; lane < lanes; ++lane)
        begin[c_.cell(v, lane)] = ready[row_of(lane) + v] + c_.base_latency_;

    RowNoise row_noise(noise, run.lanes, c_.most_vertices_, c_.messages_per_group());
    const ChunkWalk walk(c_.chunks_, row_noise.quiet());
    const TreeKernels& kernels = lanes == 1 ? tree_kernels_single() : tree_kernels();
    std::vector<double> have = begin, top(static_cast<std::size_t>(walk.stops() * lanes));
    TreeChunk chunk{.ranks = static_cast<std::int32_t>(run.tree.vertices()),
                    .order = tree.order.data(),
                    .parent = tree.parent.data(),
                    .latency = hops.latency.data(),
                    .have = have.data(),
                    .arrival = arrival.data(),
                    .start = start.data()};
    double* const at_top = have.data() + c_.cell(tree.root, 0);
    for (std::int64_t stop = 0; stop < walk.stops(); ++stop) {
      std::copy(begin.begin(), begin.end(), have.begin());
      chunk.gap = walk.gap(stop, hops.gap, hops.pipeline_gap);
      chunk.delay = row_noise.load(walk.chunk(stop));
      kernels.up(chunk);
      std::copy_n(at_top, lanes, top.data() + stop * lanes);
    }
    std::fill(arrival.begin(), arrival.end(), never);
    for (std::int64_t stop = 0; stop < walk.stops(); ++stop) {
      std::copy_n(top.data() + stop * lanes, lanes, at_top);
      chunk.gap = walk.gap(stop, hops.gap, hops.pipeline_gap);
      chunk.delay = row_noise.load(c_.chunks_ + walk.chunk(stop));
      kernels.down(chunk);
    }
    for (std::int64_t lane = 0; lane < run.lanes.used; ++lane)
      for (std::int32_t v = 0; v < c_.ranks_; ++v)
        finish[row_of(lane) + v] = have[c_.cell(v, lane)];
  }

  const SwitchReduce& c_;
  std::vector<UpHops> hops_;  // (runs)
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
};

}  // namespace lockstep
