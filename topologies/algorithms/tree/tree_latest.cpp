#include "topologies/algorithms/tree/tree_latest.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "topologies/algorithms/latest_by_run.hpp"
#include "topologies/algorithms/tree/tree_walk.hpp"

namespace lockstep {
namespace {

const MessageNoise quiet{};

/// Late messages of a lane; with more, and more than a share of its ranks, run() costs less.
constexpr std::int64_t most_late = 64;

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

void raise(double& time, double to) {
  time = std::max(time, to);
}

/// One tree as one lane sees it.
struct LaneTree {
  const Tree& tree;
  const TreeHops::Costs& hops;
  const LaneRun& run;
  std::size_t lane;

  const TreeVisit& at(std::int32_t visit) const { return tree.visits[index(visit)]; }
  double latency(std::int32_t visit) const { return cost(visit).latency.lane[lane]; }
  double gap(std::int32_t visit) const { return cost(visit).gap.lane[lane]; }
  std::int32_t parent(std::int32_t visit) const { return tree.parent[index(at(visit).vertex)]; }
  /// The hop above its upper end, or -1 at the root.
  std::int32_t above(std::int32_t visit) const { return tree.visit_of[index(parent(visit))]; }
  std::int32_t chip(std::int32_t vertex) const { return run.chips_at(vertex)[lane]; }
  /// The first visit of a hop's subtree.
  std::int32_t begin(std::int32_t visit) const {
    std::int32_t first = visit;
    while (first > 0 && at(first - 1).level > at(visit).level) --first;
    return first;
  }

  /// The longest chain between a hop's lower end and the ranks below, of `value` (chips) [s] at
  /// those, latencies, and `waits` gaps at the hop or below.
  double longest(std::int32_t visit, double waits, const double* value, double base,
                 std::vector<std::array<double, 2>>& level) const {
    level.assign(index(tree.depth + 2), {never, never});
    for (std::int32_t i = begin(visit);; ++i) {
      auto& own = level[index(at(i).level)];
      const double mine = value[chip(at(i).vertex)] + base;
      const double without = std::max(own[0], mine);
      const double with = std::max({own[1], mine, without + waits * gap(i)});
      if (i == visit) return with;
      own = {never, never};
      auto& upper = level[index(at(i).level - 1)];
      raise(upper[0], without + latency(i));
      raise(upper[1], with + latency(i));
    }
  }

 private:
  const HopCost& cost(std::int32_t visit) const {
    return hops.costs[index(hops.hop[index(visit)])];
  }
};

/// A late message of one lane and tree.
struct Late {
  std::int64_t chunk;
  std::int32_t visit;
  double delay;
  /// The longest chain up to where it would arrive, and a bound of it: the same but for roots
  /// between chunks [s].
  double value = never, most = never;
};

/// A chain that has come to a root.
struct AtRoot {
  std::int64_t chunk;
  double time, gap;
};

class TreeLatest final : public LatestFinish {
 public:
  TreeLatest(const TreePlan& plan, const std::vector<TreeHops::Costs>& hops,
             const CollectiveTrial& trial, const double* after)
      : plan_(plan),
        hops_(hops),
        trial_(trial),
        after_(after),
        cost_(index(plan.groups * plan.ranks)) {
    trial.run_back(0, plan.groups, after, cost_.data());
    for (std::size_t r = 0; r < plan.runs.size(); ++r) {
      back_.push_back(reduce_on_trees(lanes_of(r), after, 0));
      first_lane_.push_back(from_root_.size() / 2);
      for (std::size_t lane = 0; lane < plan.runs[r].used(); ++lane)
        for (std::size_t t : {0u, 1u}) from_root_.push_back(chains_from_root(tree_of(r, lane, t)));
    }
  }

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* latest) const override {
    const std::int64_t channels = plan_.most_channels();
    std::vector<LateLane> late(index((last_group - first_group) * channels));
    for (std::int64_t g = first_group; g < last_group; ++g) {
      double& own = latest[g - first_group] = never;
      for (std::int64_t i = g * plan_.ranks; i < (g + 1) * plan_.ranks; ++i)
        raise(own, ready[i] + cost_[index(i)]);
      for (SpikeSequence spikes(noise, g, plan_.numbering().messages()); !spikes.done();
           spikes.next()) {
        const TreeNumbering::Place at = plan_.numbering().place_of(spikes.message());
        late[index((g - first_group) * channels + at.channel)].push_back({at, spikes.delay()});
      }
    }
    const auto most = index(std::max(most_late, plan_.ranks / 16));
    if (std::ranges::max(late, {}, &LateLane::size).size() > most)
      return run_all(noise, first_group, last_group, ready, latest);
    for (std::size_t r = 0; r < plan_.runs.size(); ++r) {
      const TreeRun& run = plan_.runs[r];
      if (run.lanes.front().group < first_group || run.lanes.front().group >= last_group) continue;
      TreeReduction reduction;
      bool reduced = false;
      for (std::size_t lane = 0; lane < run.used(); ++lane) {
        const auto& [group, channel] = run.lanes[lane];
        const LateLane& own = late[index((group - first_group) * channels + channel)];
        if (own.empty()) continue;
        LaneChains chains(*this, r, lane, own, ready);
        if (chains.needs_reduction() && !std::exchange(reduced, true))
          reduction = reduce_on_trees(lanes_of(r), ready, plan_.base_latency);
        const std::optional<double> end = chains.latest(reduction);
        if (!end) return run_all(noise, first_group, last_group, ready, latest);
        raise(latest[group - first_group], *end);
      }
    }
  }

 private:
  struct LateMessage {
    TreeNumbering::Place place;
    double delay;
  };
  using LateLane = std::vector<LateMessage>;
  /// For each largest gap on the way, the gap and the longest chain.
  using FromRoot = std::vector<std::pair<double, double>>;

  TreeLanes lanes_of(std::size_t run) const {
    return {.noise = quiet,
            .numbering = numbering_,
            .run = plan_.runs[run],
            .trees = plan_.shapes[plan_.runs[run].shape],
            .hops = hops_.data() + 2 * run,
            .share_ports = plan_.share_ports()};
  }
  LaneTree tree_of(std::size_t run, std::size_t lane, std::size_t t) const {
    const TreeRun& lanes = plan_.runs[run];
    return {plan_.shapes[lanes.shape][t], hops_[2 * run + t], lanes, lane};
  }
  std::size_t number_of(std::size_t run, std::size_t lane) const { return first_lane_[run] + lane; }

  FromRoot chains_from_root(const LaneTree& tree) const {
    // Hops of as large a gap have one number.
    std::map<double, std::int32_t> number{{0.0, 0}};
    for (const HopCost& cost : tree.hops.costs) number.try_emplace(cost.gap.lane[tree.lane], 0);
    FromRoot chains;
    for (auto& [gap, own] : number) {
      own = static_cast<std::int32_t>(chains.size());
      chains.emplace_back(gap, never);
    }
    std::vector<std::int32_t> of_cost;
    for (const HopCost& cost : tree.hops.costs)
      of_cost.push_back(number.at(cost.gap.lane[tree.lane]));
    std::vector<std::pair<double, std::int32_t>> level(index(tree.tree.depth + 1));
    level[0] = {0, 0};
    chains[0].second = after_[tree.chip(tree.tree.root)];
    for (auto i = static_cast<std::int32_t>(tree.tree.visits.size()); i-- > 0;) {
      const std::int64_t depth = tree.at(i).level;
      const auto& upper = level[index(depth - 1)];
      auto& own = level[index(depth)];
      own = {upper.first + tree.latency(i),
             std::max(upper.second, of_cost[index(tree.hops.hop[index(i)])])};
      raise(chains[index(own.second)].second, own.first + after_[tree.chip(tree.at(i).vertex)]);
    }
    std::erase_if(chains, [](const auto& chain) { return chain.second == never; });
    return chains;
  }

  void run_all(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
               const double* ready, double* latest) const {
    latest_by_run(trial_, noise, first_group, last_group, plan_.ranks, ready, after_, latest);
  }

  /// The late messages of one lane.
  class LaneChains {
   public:
    LaneChains(const TreeLatest& of, std::size_t run, std::size_t lane, const LateLane& late,
               const double* ready)
        : of_(of),
          run_(run),
          lane_(lane),
          last_chunk_(of.plan_.chunks - 1),
          trees_{of.tree_of(run, lane, 0), of.tree_of(run, lane, 1)},
          ready_(ready) {
      const TreeRun& lanes = of.plan_.runs[run];
      for (const LateMessage& message : late) {
        const auto& [channel, phase, t, chunk, below] = message.place;
        const std::int32_t vertex = lanes.vertex[lane * index(of.plan_.ranks) + index(below)];
        const std::int32_t visit = trees_[index(t)].tree.visit_of[index(vertex)];
        if (visit >= 0)
          (phase == 0 ? up_ : down_)[index(t)].push_back({chunk, visit, message.delay});
      }
    }

    bool needs_reduction() const { return !down_[0].empty() || !down_[1].empty(); }

    /// The latest end of chains through late messages; nothing where a root between chunks counts.
    std::optional<double> latest(const TreeReduction& reduction) {
      for (std::size_t t : {0u, 1u}) reduce(t);
      double most = latest_;
      for (std::size_t t : {0u, 1u}) raise(most, broadcast(t, reduction));
      constexpr double rounding = 1e-14;
      if (most > latest_ + rounding * std::abs(latest_)) return std::nullopt;
      return latest_;
    }

   private:
    double waits_after(std::int64_t chunk) const {
      return static_cast<double>(last_chunk_ - chunk);
    }
    double port(const std::unique_ptr<LaneRow[]>& ports, std::int32_t vertex) const {
      return ports ? ports[index(vertex)].lane[lane_] : never;
    }

    /// Late messages of the reduction, and what they hold back.
    void reduce(std::size_t t) {
      const LaneTree& tree = trees_[t];
      std::vector<Late>& late = up_[t];
      std::ranges::sort(late, {}, [](const Late& m) { return std::pair(m.chunk, m.visit); });
      for (std::size_t m = 0; m < late.size(); ++m) {
        Late& own = late[m];
        own.value =
            tree.latency(own.visit) + tree.longest(own.visit, static_cast<double>(own.chunk),
                                                   ready_, of_.plan_.base_latency, level_);
        const std::int32_t begin = tree.begin(own.visit);
        for (std::size_t before = 0; before < m; ++before)
          if (late[before].visit >= begin && late[before].visit <= own.visit)
            raise(own.value, way_up(tree, late[before], own));
        climb(t, own);
      }
    }

    static double way_up(const LaneTree& tree, const Late& from, const Late& to) {
      double latency = 0, gap = tree.gap(from.visit);
      for (std::int32_t hop = from.visit; hop != to.visit;) {
        hop = tree.above(hop);
        latency += tree.latency(hop);
        gap = std::max(gap, tree.gap(hop));
      }
      return from.value + from.delay + latency + static_cast<double>(to.chunk - from.chunk) * gap;
    }

    /// From a late message up: ports after the last chunk, and the root.
    void climb(std::size_t t, const Late& late) {
      const LaneTree& tree = trees_[t];
      const TreeReduction& back = of_.back_[run_];
      const double waits = waits_after(late.chunk);
      double time = late.value + late.delay, gap = tree.gap(late.visit);
      for (std::int32_t hop = late.visit;;) {
        const std::int32_t upper = tree.parent(hop), next = tree.above(hop);
        if (of_.plan_.share_ports() && tree.at(hop).shares_port) {
          const double received = time + waits * gap;
          raise(latest_, received + port(back.sent, upper));
          hold(received_, upper, received);
        }
        if (next < 0) break;
        hop = next;
        gap = std::max(gap, tree.gap(hop));
        if (of_.plan_.share_ports()) {
          const double sent = time + waits * gap + tree.gap(hop);
          raise(latest_, sent + port(back.received, upper));
          hold(sent_, upper, sent);
        }
        time += tree.latency(hop);
      }
      for (const auto& [largest, chain] : of_.from_root_[2 * of_.number_of(run_, lane_) + t])
        raise(latest_, time + chain + waits * std::max(gap, largest));
      at_root_[t].push_back({late.chunk, time, gap});
    }

    static void hold(std::map<std::int32_t, double>& ports, std::int32_t vertex, double time) {
      raise(ports.try_emplace(vertex, never).first->second, time);
    }
    static double held(const std::map<std::int32_t, double>& ports, std::int32_t vertex) {
      const auto found = ports.find(vertex);
      return found == ports.end() ? never : found->second;
    }

    /// Late messages of the broadcast; returns a bound of their latest end.
    double broadcast(std::size_t t, const TreeReduction& reduction) {
      const LaneTree& tree = trees_[t];
      std::vector<Late>& late = down_[t];
      std::ranges::sort(late, {}, [](const Late& m) { return std::pair(m.chunk, -m.visit); });
      std::multimap<std::int32_t, const Late*> done;  // by visit
      double most = never;
      for (Late& own : late) {
        come_down(t, done, reduction, own);
        done.emplace(own.visit, &own);
        const double on =
            own.delay + tree.longest(own.visit, waits_after(own.chunk), of_.after_, 0, level_);
        raise(latest_, own.value + on);
        raise(most, own.most + on);
      }
      return most;
    }

    /// The longest chain up to a late message, by the hops above it.
    void come_down(std::size_t t, const std::multimap<std::int32_t, const Late*>& done,
                   const TreeReduction& reduction, Late& own) const {
      const LaneTree& tree = trees_[t];
      const auto chunk = static_cast<double>(own.chunk);
      double below = 0, gap = 0;
      for (std::int32_t hop = own.visit; hop >= 0; hop = tree.above(hop)) {
        const std::int32_t lower = tree.at(hop).vertex, upper = tree.parent(hop);
        gap = std::max(gap, tree.gap(hop));
        if (of_.plan_.share_ports()) {
          const double received = std::max(port(reduction.received, lower), held(received_, lower));
          raise(own.value, received + tree.gap(hop) + below + chunk * gap);
        }
        for (auto [before, end] = done.equal_range(hop); before != end; ++before) {
          const Late& late = *before->second;
          const double on = late.delay + below + static_cast<double>(own.chunk - late.chunk) * gap;
          raise(own.value, late.value + on);
          raise(own.most, late.most + on);
        }
        below += tree.latency(hop);
        if (of_.plan_.share_ports() && tree.at(hop).shares_port) {
          const double sent = std::max(port(reduction.sent, upper), held(sent_, upper));
          raise(own.value, sent + below + chunk * gap);
        }
      }
      for (const AtRoot& chain : at_root_[t])
        if (chain.chunk <= own.chunk)
          raise(own.value,
                chain.time + below +
                    static_cast<double>(own.chunk - chain.chunk) * std::max(chain.gap, gap));
      const double first = reduction.first[t].lane[lane_], last = reduction.last[t].lane[lane_];
      raise(own.value, first + below + chunk * gap);
      if (own.chunk == last_chunk_) raise(own.value, last + below);
      raise(own.most, own.value);
      if (own.chunk > 0 && own.chunk < last_chunk_)
        raise(own.most,
              first + (last - first) * (chunk / static_cast<double>(last_chunk_)) + below);
    }

    const TreeLatest& of_;
    std::size_t run_, lane_;
    std::int64_t last_chunk_;
    std::array<LaneTree, 2> trees_;
    const double* ready_;
    std::array<std::vector<Late>, 2> up_, down_;
    std::array<std::vector<AtRoot>, 2> at_root_;
    std::map<std::int32_t, double> sent_, received_;  // what late messages make of ports
    std::vector<std::array<double, 2>> level_;
    double latest_ = never;
  };

  const TreePlan& plan_;
  const std::vector<TreeHops::Costs>& hops_;
  const CollectiveTrial& trial_;
  const double* after_;
  TreeNumbering numbering_ = plan_.numbering();
  std::vector<double> cost_;             // (groups, ranks)
  std::vector<TreeReduction> back_;      // by run: against time, `after` for ready times
  std::vector<std::size_t> first_lane_;  // by run, among all lanes in use
  std::vector<FromRoot> from_root_;      // (lanes in use, 2)
};

}  // namespace

std::unique_ptr<LatestFinish> make_tree_latest(const TreePlan& plan,
                                               const std::vector<TreeHops::Costs>& hops,
                                               const CollectiveTrial& trial, const double* after) {
  return std::make_unique<TreeLatest>(plan, hops, trial, after);
}

}  // namespace lockstep
