#include "topologies/algorithms/tree/tree_walk.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace lockstep {
namespace {

constexpr std::int32_t block_visits = 128;  // a block's rows stay in the first cache

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

LaneRow later(const LaneRow& a, const LaneRow& b) {
  LaneRow row;
  for (int lane = 0; lane < tree_lanes; ++lane)
    row.lane[lane] = std::max(a.lane[lane], b.lane[lane]);
  return row;
}

/// When a vertex has its own part.
LaneRow begin_of(const LaneRun& run, std::int32_t vertex, const double* ready, double base) {
  LaneRow row;
  const std::int32_t* chips = run.chips_at(vertex);
  for (int lane = 0; lane < tree_lanes; ++lane) row.lane[lane] = ready[chips[lane]] + base;
  return row;
}

void finish_at(const LaneRun& run, std::size_t lane, std::int32_t vertex, const LaneRow& time,
               double* finish) {
  double& at = finish[run.chips_at(vertex)[lane]];
  at = std::max(at, time.lane[lane]);
}

/// (rows), not set.
std::unique_ptr<LaneRow[]> rows(std::int64_t count) {
  return std::make_unique_for_overwrite<LaneRow[]>(index(count));
}

/// When the ports of vertices, those of their own hops, are through with the reduction on both
/// trees.
struct Ports {
  std::unique_ptr<LaneRow[]> sent, received;  // (vertices)
  std::int32_t known = 0;                     // vertices whose rows are set

  /// Sets rows up to `vertex` when the first tree comes there, just before they are used.
  void reach(std::int32_t vertex) {
    for (; known <= vertex; ++known) sent[index(known)] = received[index(known)] = never_row;
  }
};

/// One tree of the walk, a few stops at a time and block by block.
class TreeWalk {
 public:
  TreeWalk(const TreeLanes& lanes, std::size_t tree)
      : run_(lanes.run),
        tree_(lanes.trees[tree]),
        hops_(lanes.hops[tree]),
        noise_(lanes.noise, lanes.numbering, run_, tree_, static_cast<std::int64_t>(tree)),
        path_(index((tree_.depth + 1) * stops_at_once)),
        path_port_(index(tree_.depth + 1)),
        root_(index(noise_.stops())) {
    if (noise_.stops() <= stops_at_once) return;
    last_start_ = rows(tree_.vertices());
    last_arrival_ = rows(tree_.vertices());
  }

  std::int64_t stops() const { return noise_.stops(); }

  void begin_up(std::int64_t first_stop, Ports* ports) {
    begin(0, first_stop);
    if (!ports || first_stop + pass_.stops < stops()) return;
    pass_.sent = ports->sent.get();
    pass_.received = ports->received.get();
  }

  void up(std::int32_t first, std::int32_t last, const double* ready, double base, Ports* ports) {
    std::array<LaneRow, block_visits> begin;
    for (std::int32_t i = first; i < last; ++i) {
      const std::int32_t vertex = tree_.visits[index(i)].vertex;
      begin[index(i - first)] = begin_of(run_, vertex, ready, base);
      if (ports) ports->reach(vertex);
    }
    tree_kernels().up(pass_, first, last, begin.data());
  }

  void end_up(std::int64_t first_stop, const double* ready, double base) {
    const LaneRow own = begin_of(run_, tree_.root, ready, base);
    for (std::int64_t k = 0; k < pass_.stops; ++k)
      root_[index(first_stop + k)] = later(path_[index(k)], own);
    if (pass_.received)
      pass_.received[tree_.root] = later(pass_.received[tree_.root], path_port_[0]);
  }

  void begin_down(std::int64_t first_stop, const Ports* ports) {
    begin(1, first_stop);
    std::copy_n(root_.begin() + first_stop, pass_.stops, path_.begin());
    if (first_stop > 0) {
      pass_.before = last_arrival_.get();
    } else if (ports) {
      pass_.sent = ports->sent.get();
      pass_.before = ports->received.get();
      path_port_[0] = ports->sent[index(tree_.root)];
    }
  }

  void down(std::int32_t first, std::int32_t last, std::int64_t first_stop, double* finish) {
    std::array<LaneRow, block_visits> arrival;
    tree_kernels().down(pass_, first, last, arrival.data());
    if (first_stop + pass_.stops < stops()) return;
    // Lane by lane, for neighbours in a lane are different chips.
    for (std::size_t lane = 0; lane < run_.used(); ++lane)
      for (std::int32_t i = first; i < last; ++i)
        finish_at(run_, lane, tree_.visits[index(i)].vertex, arrival[index(i - first)], finish);
  }

  const LaneRow& root_at(std::int64_t stop) const { return root_[index(stop)]; }

  void end_down(double* finish) const {
    for (std::size_t lane = 0; lane < run_.used(); ++lane)
      finish_at(run_, lane, tree_.root, root_.back(), finish);
  }

 private:
  void begin(int phase, std::int64_t first_stop) {
    std::fill(path_.begin(), path_.end(), never_row);
    std::fill(path_port_.begin(), path_port_.end(), never_row);
    noise_.load(phase, first_stop);
    pass_ = {.visits = tree_.visits.data(),
             .hop = hops_.hop.data(),
             .hops = hops_.costs.data(),
             .stops = std::min(stops_at_once, stops() - first_stop),
             .steps = noise_.steps().data() + first_stop,
             .path = path_.data(),
             .path_port = path_port_.data(),
             .last_start = last_start_.get(),
             .last_arrival = last_arrival_.get(),
             .resumes = first_stop > 0,
             .noisy = noise_.noisy(),
             .delay = noise_.delay()};
  }

  const LaneRun& run_;
  const Tree& tree_;
  const TreeHops::Costs& hops_;
  TreeNoise noise_;
  TreePass pass_;
  std::vector<LaneRow> path_, path_port_, root_;  // root_: (stops) when the root has a chunk
  std::unique_ptr<LaneRow[]> last_start_, last_arrival_;  // where stops do not fit one pass
};

}  // namespace

// Both trees go block by block together, for they come by the same vertices at about the same time.
void walk_trees(const TreeLanes& lanes, const double* ready, double base_latency, double* finish) {
  const std::int32_t vertices = lanes.trees.front().vertices(), visits = vertices - 1;
  Ports shared;
  Ports* const ports = lanes.share_ports ? &shared : nullptr;
  if (ports) shared = {rows(vertices), rows(vertices)};
  std::vector<TreeWalk> walks;
  std::int64_t most_stops = 0;
  for (std::size_t tree = 0; tree < lanes.trees.size(); ++tree) {
    walks.emplace_back(lanes, tree);
    most_stops = std::max(most_stops, walks.back().stops());
  }

  std::vector<TreeWalk*> here;
  const auto take_part = [&](std::int64_t stop) {
    here.clear();
    for (TreeWalk& walk : walks)
      if (stop < walk.stops()) here.push_back(&walk);
  };

  for (std::int64_t stop = 0; stop < most_stops; stop += stops_at_once) {
    take_part(stop);
    for (TreeWalk* walk : here) walk->begin_up(stop, ports);
    for (std::int32_t first = 0; first < visits; first += block_visits)
      for (TreeWalk* walk : here)
        walk->up(first, std::min(first + block_visits, visits), ready, base_latency, ports);
    if (ports) ports->reach(visits);
    for (TreeWalk* walk : here) walk->end_up(stop, ready, base_latency);
  }
  for (std::int64_t stop = 0; stop < most_stops; stop += stops_at_once) {
    take_part(stop);
    for (TreeWalk* walk : here) walk->begin_down(stop, ports);
    for (std::int32_t last = visits; last > 0; last -= std::min(last, block_visits))
      for (TreeWalk* walk : here) walk->down(std::max(0, last - block_visits), last, stop, finish);
  }
  for (const TreeWalk& walk : walks) walk.end_down(finish);
}

TreeReduction reduce_on_trees(const TreeLanes& lanes, const double* ready, double base_latency) {
  const std::int32_t vertices = lanes.trees.front().vertices(), visits = vertices - 1;
  Ports shared;
  Ports* const ports = lanes.share_ports ? &shared : nullptr;
  if (ports) shared = {rows(vertices), rows(vertices)};
  std::array<TreeWalk, 2> walks{TreeWalk(lanes, 0), TreeWalk(lanes, 1)};
  for (TreeWalk& walk : walks) walk.begin_up(0, ports);
  for (std::int32_t first = 0; first < visits; first += block_visits)
    for (TreeWalk& walk : walks)
      walk.up(first, std::min(first + block_visits, visits), ready, base_latency, ports);
  if (ports) ports->reach(visits);
  for (TreeWalk& walk : walks) walk.end_up(0, ready, base_latency);
  TreeReduction done{std::move(shared.sent), std::move(shared.received), {}, {}};
  for (std::size_t t : {0u, 1u}) {
    done.first[t] = walks[t].root_at(0);
    done.last[t] = walks[t].root_at(walks[t].stops() - 1);
  }
  return done;
}

double tree_cost(const Noise& noise, const TreeNumbering& numbering, std::size_t runs) {
  // As measured on one AVX-512 core: a visit, a stop there, and dense noise of a stop's lanes.
  constexpr double visit = 80, stop = 20, jitter = 170;
  const auto chunks = static_cast<double>(numbering.chunks);
  const double visits = 4 * static_cast<double>(numbering.ranks) * static_cast<double>(runs);
  if (!noise.hop_jitter.is_none()) return visits * (visit + chunks * (stop + jitter));
  const double spikes =
      noise.spike_probability * 2 * chunks * static_cast<double>(numbering.ranks);  // a lane
  return visits * (visit + stop * std::min(chunks, 2 + spikes));
}

}  // namespace lockstep
