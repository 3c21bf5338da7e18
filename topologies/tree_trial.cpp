#include "topologies/tree_trial.hpp"

#include <algorithm>
#include <array>

#include "topologies/tree_kernels.hpp"
#include "topologies/tree_walk.hpp"

namespace lockstep {
namespace {

/// State of one channel's two trees for the lanes of a run; arrays are (ranks, lanes) [s].
struct ChannelState {
  ChannelState(std::size_t cells, std::size_t chunk_cells)
      : ready(cells), have(cells), send_free(cells) {
    for (auto* pair : {&start, &arrival, &received})
      for (auto& array : *pair) array.resize(cells);
    for (auto& array : root_have) array.resize(chunk_cells);
  }
  std::vector<double> ready, have, send_free;
  std::array<std::vector<double>, 2> start, arrival;  ///< by tree
  std::array<std::vector<double>, 2> received;        ///< last reduction arrival: NVLink, network
  std::array<std::vector<double>, 2> root_have;       ///< by tree, (chunks, lanes)
};

class DoubleTreeTrial final : public CollectiveTrial {
 public:
  DoubleTreeTrial(const TreePlan& plan, const LinkState& links)
      : plan_(plan), hops_(plan.slowed_hops(links)) {}

  void all_reduce(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
                  const double* ready, double* finish, int /*workers*/) const override {
    ChannelState state(static_cast<std::size_t>(plan_.ranks * plan_.lanes),
                       static_cast<std::size_t>(plan_.chunks * plan_.lanes));
    for (std::size_t r = 0; r < plan_.runs.size(); ++r) {
      const LaneRun& run = plan_.runs[r];
      if (run.groups.front() < first_group || run.groups.front() >= last_group) continue;
      load_ready(run, ready, finish, state);
      RowNoise row_noise(noise, run, plan_.ranks, plan_.messages());
      const ChunkWalk walk(plan_.chunks, row_noise.quiet());
      for (std::int64_t channel = 0; channel < plan_.channels; ++channel) {
        const auto first = static_cast<std::size_t>(2 * channel);
        const Tree* trees = run.trees.data() + first;
        const TreeHops* hops = hops_.data() + r * run.trees.size() + first;
        for (std::size_t t : {0u, 1u})
          up(trees[t], hops[t], walk, row_noise, plan_.first_row(channel, 0, t), state, t);
        note_received(trees, hops, state);
        for (std::size_t t : {0u, 1u}) {
          hold_ports(trees, hops, state, t);
          down(trees[t], hops[t], walk, row_noise, plan_.first_row(channel, 1, t), state, t);
          collect(run, trees[t], walk, state, t, finish);
        }
      }
    }
  }

 private:
  void load_ready(const LaneRun& run, const double* ready, double* finish, ChannelState& s) const {
    for (std::int64_t lane = 0; lane < plan_.lanes; ++lane) {
      const std::int64_t row = run.groups[static_cast<std::size_t>(lane)] * plan_.ranks;
      for (std::int32_t rank = 0; rank < plan_.ranks; ++rank)
        s.ready[plan_.cell(rank, lane)] = ready[row + rank] + plan_.base_latency;
      std::copy(ready + row, ready + row + plan_.ranks, finish + row);
    }
  }

  TreeChunk chunk_of(const Tree& tree, const TreeHops& hops, ChannelState& s, std::size_t t) const {
    return {.ranks = static_cast<std::int32_t>(plan_.ranks),
            .order = tree.order.data(),
            .parent = tree.parent.data(),
            .latency = hops.latency.data(),
            .gap = hops.gap.data(),
            .have = s.have.data(),
            .arrival = s.arrival[t].data(),
            .start = s.start[t].data()};
  }

  const TreeKernels& kernels() const {
    return plan_.lanes == 1 ? tree_kernels_single() : tree_kernels();
  }

  void up(const Tree& tree, const TreeHops& hops, const ChunkWalk& walk, RowNoise& noise,
          std::int64_t first_row, ChannelState& s, std::size_t t) const {
    std::fill(s.start[t].begin(), s.start[t].end(), never);
    std::fill(s.arrival[t].begin(), s.arrival[t].end(), never);
    TreeChunk chunk = chunk_of(tree, hops, s, t);
    for (std::int64_t stop = 0; stop < walk.stops(); ++stop) {
      s.have = s.ready;
      chunk.have = s.have.data();
      chunk.gap = walk.gap(stop, hops.gap, hops.pipeline_gap);
      chunk.delay = noise.load(first_row + walk.chunk(stop));
      kernels().up(chunk);
      std::copy_n(s.have.data() + plan_.cell(tree.root, 0), plan_.lanes,
                  s.root_have[t].data() + stop * plan_.lanes);
    }
  }

  /// A run's groups share their domains, so that all lanes agree.
  bool network(const TreeHops& hops, std::int32_t rank) const {
    return hops.tier[plan_.cell(rank, 0)] != Tier::scale_up;
  }

  /// When each receive port has the last of the reduction.
  void note_received(const Tree* trees, const TreeHops* hops, ChannelState& s) const {
    for (auto& array : s.received) std::fill(array.begin(), array.end(), never);
    for (std::size_t t : {0u, 1u})
      for (std::int32_t v : trees[t].order) {
        auto& received = s.received[network(hops[t], v)];
        const std::int32_t p = trees[t].parent[static_cast<std::size_t>(v)];
        for (std::int64_t lane = 0; lane < plan_.lanes; ++lane) {
          double& last = received[plan_.cell(p, lane)];
          last = std::max(last, s.arrival[t][plan_.cell(v, lane)]);
        }
      }
  }

  /// Before tree t's broadcast: the ports take it up when their reduction messages are through.
  void hold_ports(const Tree* trees, const TreeHops* hops, ChannelState& s, std::size_t t) const {
    for (std::int32_t v : trees[t].order) {
      const std::int32_t p = trees[t].parent[static_cast<std::size_t>(v)];
      const bool networked = network(hops[t], v);
      for (std::int64_t lane = 0; lane < plan_.lanes; ++lane) {
        double free = never;
        for (std::size_t u : {0u, 1u})
          if (p != trees[u].root && network(hops[u], p) == networked)
            free =
                std::max(free, s.start[u][plan_.cell(p, lane)] + hops[u].gap[plan_.cell(p, lane)]);
        s.send_free[plan_.cell(v, lane)] = free;
        s.arrival[t][plan_.cell(v, lane)] = s.received[networked][plan_.cell(v, lane)];
      }
    }
  }

  void down(const Tree& tree, const TreeHops& hops, const ChunkWalk& walk, RowNoise& noise,
            std::int64_t first_row, ChannelState& s, std::size_t t) const {
    TreeChunk chunk = chunk_of(tree, hops, s, t);
    chunk.send_free = s.send_free.data();
    for (std::int64_t stop = 0; stop < walk.stops(); ++stop) {
      std::copy_n(s.root_have[t].data() + stop * plan_.lanes, plan_.lanes,
                  s.have.data() + plan_.cell(tree.root, 0));
      chunk.gap = walk.gap(stop, hops.gap, hops.pipeline_gap);
      chunk.delay = noise.load(first_row + walk.chunk(stop));
      kernels().down(chunk);
      chunk.send_free = nullptr;
    }
  }

  void collect(const LaneRun& run, const Tree& tree, const ChunkWalk& walk, const ChannelState& s,
               std::size_t t, double* finish) const {
    const double* last_root = s.root_have[t].data() + (walk.stops() - 1) * plan_.lanes;
    for (std::int64_t lane = 0; lane < run.used; ++lane) {
      double* row = finish + run.groups[static_cast<std::size_t>(lane)] * plan_.ranks;
      for (std::int32_t v : tree.order)
        row[v] = std::max(row[v], s.arrival[t][plan_.cell(v, lane)]);
      row[tree.root] = std::max(row[tree.root], last_root[lane]);
    }
  }

  const TreePlan& plan_;
  std::vector<TreeHops> hops_;
};

}  // namespace

std::unique_ptr<CollectiveTrial> make_tree_trial(const TreePlan& plan, const LinkState& links) {
  return std::make_unique<DoubleTreeTrial>(plan, links);
}

}  // namespace lockstep
