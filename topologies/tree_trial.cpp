#include "topologies/tree_trial.hpp"

#include <algorithm>
#include <array>

#include "topologies/tree_kernels.hpp"

namespace lockstep {
namespace {

constexpr double never = -1e300;

/// Noise of one row of messages after another, for all lanes of a run.
class RowNoise {
 public:
  RowNoise(const MessageNoise& noise, const TreePlan& plan, const LaneRun& run)
      : noise_(noise),
        plan_(plan),
        run_(run),
        delay_(static_cast<std::size_t>(plan.ranks * plan.lanes)) {
    for (std::int64_t lane = 0; lane < run.used; ++lane)
      spikes_.emplace_back(noise, group(lane), plan.messages());
  }

  /// No message of the run has any.
  bool quiet() const {
    return !noise_.hop_jitter && std::all_of(spikes_.begin(), spikes_.end(),
                                             [](const SpikeSequence& s) { return s.done(); });
  }

  /// Delays of a row, or null where none of its messages has any. Rows must rise.
  const double* load(std::int64_t row) {
    for (std::size_t cell : touched_) delay_[cell] = 0;
    touched_.clear();
    const std::int64_t first = row * plan_.ranks;
    for (std::int64_t lane = 0; lane < run_.used; ++lane) {
      if (noise_.hop_jitter)
        for (std::int64_t rank = 0; rank < plan_.ranks; ++rank)
          add(rank, lane, noise_.dense(group(lane), first + rank));
      SpikeSequence& spikes = spikes_[static_cast<std::size_t>(lane)];
      for (; !spikes.done() && spikes.message() < first + plan_.ranks; spikes.next())
        add(spikes.message() - first, lane, spikes.delay());
    }
    return touched_.empty() ? nullptr : delay_.data();
  }

 private:
  std::int64_t group(std::int64_t lane) const {
    return run_.groups[static_cast<std::size_t>(lane)];
  }
  void add(std::int64_t rank, std::int64_t lane, double delay) {
    touched_.push_back(plan_.cell(static_cast<std::int32_t>(rank), lane));
    delay_[touched_.back()] += delay;
  }

  const MessageNoise& noise_;
  const TreePlan& plan_;
  const LaneRun& run_;
  std::vector<double> delay_;
  std::vector<SpikeSequence> spikes_;
  std::vector<std::size_t> touched_;
};

/// The chunks that a pass goes through. Without noise it is enough to follow the first and the
/// last: what comes out of a hop, max over j <= c of in(j) + (c - j) gap, is convex in the chunk
/// where what goes in is, so that its maximum lies at j = 0 or j = c; so all streams are, as ready
/// times are constant. With noise all chunks count.
class ChunkWalk {
 public:
  ChunkWalk(std::int64_t chunks, bool quiet) : chunks_(chunks), ends_only_(quiet && chunks > 2) {}
  std::int64_t stops() const { return ends_only_ ? 2 : chunks_; }
  std::int64_t chunk(std::int64_t stop) const {
    return ends_only_ && stop == 1 ? chunks_ - 1 : stop;
  }
  const double* gap(std::int64_t stop, const TreeHops& hops) const {
    return (ends_only_ && stop == 1 ? hops.pipeline_gap : hops.gap).data();
  }

 private:
  std::int64_t chunks_;
  bool ends_only_;
};

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
  DoubleTreeTrial(const TreePlan& plan, std::span<const double> link_factor)
      : plan_(plan), hops_(plan.slowed_hops(link_factor)) {}

  void all_reduce(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
                  const double* ready, double* finish) const override {
    ChannelState state(static_cast<std::size_t>(plan_.ranks * plan_.lanes),
                       static_cast<std::size_t>(plan_.chunks * plan_.lanes));
    for (std::size_t r = 0; r < plan_.runs.size(); ++r) {
      const LaneRun& run = plan_.runs[r];
      if (run.groups.front() < first_group || run.groups.front() >= last_group) continue;
      load_ready(run, ready, finish, state);
      RowNoise row_noise(noise, plan_, run);
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
      chunk.gap = walk.gap(stop, hops);
      chunk.delay = noise.load(first_row + walk.chunk(stop));
      kernels().up(chunk);
      std::copy_n(s.have.data() + plan_.cell(tree.root, 0), plan_.lanes,
                  s.root_have[t].data() + stop * plan_.lanes);
    }
  }

  /// When each receive port has the last of the reduction.
  void note_received(const Tree* trees, const TreeHops* hops, ChannelState& s) const {
    for (auto& array : s.received) std::fill(array.begin(), array.end(), never);
    for (std::size_t t : {0u, 1u})
      for (std::int32_t v : trees[t].order) {
        auto& received = s.received[hops[t].network[static_cast<std::size_t>(v)]];
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
      const std::uint8_t network = hops[t].network[static_cast<std::size_t>(v)];
      for (std::int64_t lane = 0; lane < plan_.lanes; ++lane) {
        double free = never;
        for (std::size_t u : {0u, 1u})
          if (p != trees[u].root && hops[u].network[static_cast<std::size_t>(p)] == network)
            free =
                std::max(free, s.start[u][plan_.cell(p, lane)] + hops[u].gap[plan_.cell(p, lane)]);
        s.send_free[plan_.cell(v, lane)] = free;
        s.arrival[t][plan_.cell(v, lane)] = s.received[network][plan_.cell(v, lane)];
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
      chunk.gap = walk.gap(stop, hops);
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

std::unique_ptr<CollectiveTrial> make_tree_trial(const TreePlan& plan,
                                                 std::span<const double> link_factor) {
  return std::make_unique<DoubleTreeTrial>(plan, link_factor);
}

}  // namespace lockstep
