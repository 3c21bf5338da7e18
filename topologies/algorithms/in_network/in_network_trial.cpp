#include <algorithm>
#include <limits>

#include "topologies/algorithms/in_network/domain_exchange.hpp"
#include "topologies/algorithms/in_network/in_network_collective.hpp"
#include "topologies/algorithms/in_network/in_network_kernels.hpp"
#include "topologies/algorithms/in_network/in_network_noise.hpp"

namespace lockstep {
namespace {

constexpr double never = -1e300;  // before any time [s]

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// One group on its way, chunk by chunk of those followed. Arrays are (places) or (vertices) [s].
class GroupRun {
 public:
  GroupRun(const InNetworkGroup& group, const InNetworkHops& up, const InNetworkHops& down,
           InNetworkNoise noise, double piece_bytes, double inside_latency)
      : grid_(group.grid),
        forest_(group.forest),
        up_hops_(up),
        down_hops_(down),
        noise_(std::move(noise)),
        exchange_(grid_, group.inside_rate, piece_bytes, inside_latency),
        up_(up.gap.size(), never),
        down_(up_),
        have_(up_) {}

  /// state: when places hold their own parts; out when they have the sum. received: when their
  /// receive ports open.
  void run(std::vector<double>& state, std::vector<double> received, double chunks, bool scatters,
           bool gathers) {
    const bool exchanges = grid_.rails > 1;
    const std::vector<double> begin = state;
    std::vector<double> start = state, gathered;
    if (exchanges) {
      gathered.assign(state.size(), never);
      late_.assign(state.size(), 0.0);
      sent_.resize(state.size());
      for_places([&](std::size_t p, std::size_t cluster) {
        start[p] -= exchange_.port_time(cluster);  // of the chunk before the first
        sent_[p] =                                 // after all that is scattered
            scatters ? begin[p] + (chunks - 1) * exchange_.port_time(cluster) : never;
      });
    }
    std::int64_t before = -1;
    for (const std::int64_t chunk : noise_.followed()) {
      const auto steps = static_cast<double>(chunk - before);
      before = chunk;
      if (exchanges && scatters) {
        exchange_.advance_start(steps, begin, start);
        exchange(steps, start, noise_.of(InNetworkPart::scatter, chunk), received, false);
      }
      std::copy(begin.begin(), begin.end(), have_.begin());
      for (std::size_t p = 0; exchanges && scatters && p < begin.size(); ++p)
        have_[p] = std::max(begin[p], received[p]);
      climb(steps, noise_.of(InNetworkPart::up, chunk));
      descend(steps, noise_.of(InNetworkPart::down, chunk));
      if (!exchanges || !gathers) continue;
      exchange_.advance_start(steps, down_, sent_);
      exchange(steps, sent_, noise_.of(InNetworkPart::gather, chunk), gathered, true);
    }
    std::copy_n(down_.begin(), state.size(), state.begin());
    if (!exchanges) return;
    for_places([&](std::size_t p, std::size_t cluster) {
      sent_[p] += exchange_.port_time(cluster);
      if (!gathers) return;
      // A receive port is through with all that is scattered before it takes what is gathered.
      const double held = received[p] + chunks * exchange_.port_time(cluster) + late_[p];
      state[p] = std::max({state[p], gathered[p], held});
    });
  }

  /// When each place's NVLink has sent everything, if there are exchanges.
  const std::vector<double>& sent() const { return sent_; }

  InNetworkNoise& noise() { return noise_; }

 private:
  /// visit(place, cluster) for all places.
  template <class Visit>
  void for_places(const Visit& visit) const {
    const std::size_t clusters = index(grid_.clusters), places = index(grid_.places());
    for (std::size_t first = 0; first < places; first += clusters)
      for (std::size_t cluster = 0; cluster < clusters; ++cluster) visit(first + cluster, cluster);
  }

  /// Takes receive ports through a chunk; `last`: late_ grows by what its messages are late.
  void exchange(double steps, const std::vector<double>& start, const InNetworkDelays& noise,
                std::vector<double>& port, bool last) {
    const std::size_t rows = index(grid_.rails - 1), places = port.size();
    if (!noise.dense.empty()) {
      exchange_.advance_late(start, noise.dense, port);
      if (last)
        for (std::size_t m = 0; m < rows * places; ++m) late_[m % places] += noise.dense[m];
      return;
    }
    std::vector<std::pair<std::size_t, double>> hit;  // places and their ports after the chunk
    std::vector<double> delay;
    for (auto spike = noise.spikes.begin(); spike != noise.spikes.end();) {
      const std::size_t place = index(spike->at) / rows;
      delay.assign(rows, 0.0);
      for (; spike != noise.spikes.end() && index(spike->at) / rows == place; ++spike) {
        delay[index(spike->at) % rows] += spike->delay;
        if (last) late_[place] += spike->delay;
      }
      hit.emplace_back(place, exchange_.advance_late(place, start, delay, port[place]));
    }
    exchange_.advance(steps, start, port);
    for (const auto& [place, after] : hit) port[place] = after;
  }

  void climb(double steps, const InNetworkDelays& noise) {
    std::fill(have_.begin() + grid_.places(), have_.end(), never);
    auto spike = noise.spikes.begin();
    for (std::size_t level = 0; level + 2 < forest_.levels.size(); ++level) {
      const std::size_t first = advance(level, steps, up_hops_, up_),
                        last = index(forest_.levels[level + 1]);
      if (!noise.dense.empty())
        for (std::size_t v = first; v < last; ++v) up_[v] += noise.dense[v];
      for (; spike != noise.spikes.end() && index(spike->at) < last; ++spike)
        up_[index(spike->at)] += spike->delay;
      for (std::size_t v = first; v < last; ++v)
        if (forest_.parent[v] >= 0) {
          double& latest = have_[index(forest_.parent[v])];
          latest = std::max(latest, up_[v]);
        }
    }
    for (std::size_t v = 0; v < have_.size(); ++v)
      if (forest_.parent[v] < 0) down_[v] = have_[v];
  }

  void descend(double steps, const InNetworkDelays& noise) {
    auto spike = noise.spikes.end();
    for (std::size_t level = forest_.levels.size() - 2; level-- > 0;) {
      const auto begin = index(forest_.levels[level]), last = index(forest_.levels[level + 1]);
      for (std::size_t v = begin; v < last; ++v)
        have_[v] = forest_.parent[v] < 0 ? have_[v] : down_[index(forest_.parent[v])];
      const std::size_t first = advance(level, steps, down_hops_, down_);
      if (!noise.dense.empty())
        for (std::size_t v = first; v < last; ++v) down_[v] += noise.dense[v];
      for (; spike != noise.spikes.begin() && index((spike - 1)->at) >= first; --spike)
        down_[index((spike - 1)->at)] += (spike - 1)->delay;
      for (std::size_t v = first; v < last; ++v)
        if (forest_.parent[v] < 0) down_[v] = have_[v];
    }
  }

  /// Takes a level's arrivals to the next chunk followed; returns its first vertex.
  std::size_t advance(std::size_t level, double steps, const InNetworkHops& hops,
                      std::vector<double>& arrival) {
    const std::size_t first = index(forest_.levels[level]);
    in_network_kernels().advance(forest_.levels[level + 1] - forest_.levels[level], steps,
                                 hops.gap.data() + first, hops.latency.data() + first,
                                 have_.data() + first, arrival.data() + first);
    return first;
  }

  const RailLayout& grid_;
  const SwitchForest& forest_;
  const InNetworkHops &up_hops_, &down_hops_;
  InNetworkNoise noise_;
  DomainExchange exchange_;
  std::vector<double> up_, down_;  // arrivals over the hop to and from the parent, a top's own
  std::vector<double> have_;       // when the hop's source holds the chunk
  std::vector<double> sent_;       // when the last chunk of the second exchange starts
  std::vector<double> late_;       // what all messages of the second exchange into it are late
};

}  // namespace

class InNetworkTrial final : public CollectiveTrial {
 public:
  InNetworkTrial(const InNetworkCollective& collective, const LinkState& links) : c_(collective) {
    for (std::size_t group = 0; group < c_.groups_.size(); ++group) {
      up_.push_back(c_.hops(static_cast<std::int64_t>(group), links, true));
      if (!same_both_ways())
        down_.push_back(c_.hops(static_cast<std::int64_t>(group), links, false));
    }
  }

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& /*how*/) const override {
    std::vector<double> state;
    for (std::int64_t g = first_group; g < last_group; ++g) {
      const InNetworkGroup& group = c_.groups_[index(g)];
      const RailLayout& grid = group.grid;
      const double* from = ready + g * c_.ranks_;
      double* to = finish + g * c_.ranks_;
      state.resize(index(grid.places()));
      for (std::size_t p = 0; p < state.size(); ++p)
        state[p] = from[grid.member[p]] + c_.base_latency_;
      GroupRun run(group, up_[index(g)], (same_both_ways() ? up_ : down_)[index(g)],
                   {noise, g, c_.numbering(group)}, c_.exchanged_bytes(group),
                   c_.inside_latency(group));
      if (grid.folds) fold(group, from, run.noise().of(InNetworkPart::fold, 0), state);
      run.run(state, state, static_cast<double>(c_.chunks_), c_.operation_.scatters,
              c_.operation_.gathers);
      for (std::size_t p = 0; p < state.size(); ++p) to[grid.member[p]] = state[p];
      if (grid.folds)
        unfold(group, run.sent(), run.noise().of(InNetworkPart::unfold, c_.chunks_ - 1), state, to);
    }
  }

  /// Against time sending is receiving, up is down, a gather a scatter. Only the ends differ: a
  /// receive port opens when its rank is ready, a send port need not be through at a finish.
  bool run_back(std::int64_t first_group, std::int64_t last_group, const double* after,
                double* cost) const override {
    for (std::int64_t g = first_group; g < last_group; ++g) {
      const InNetworkGroup& group = c_.groups_[index(g)];
      const RailLayout& grid = group.grid;
      const double* from = after + g * c_.ranks_;
      double* to = cost + g * c_.ranks_;
      const double latency = c_.inside_latency(group);
      std::vector<double> state(index(grid.places())), received(state.size(), never);
      for (std::size_t p = 0; p < state.size(); ++p) {
        state[p] = from[grid.member[p]] + c_.base_latency_;
        if (grid.folded[p] < 0) continue;
        received[p] = from[grid.folded[p]] + c_.base_latency_ + latency +
                      fold_gap(group, p, c_.operation_.unfolded(c_.bytes_));
        state[p] = std::max(state[p], received[p]);
      }
      const MessageNoise quiet;
      GroupRun run(group, (same_both_ways() ? up_ : down_)[index(g)], up_[index(g)],
                   {quiet, g, c_.numbering(group)}, c_.exchanged_bytes(group), latency);
      run.run(state, received, static_cast<double>(c_.chunks_), c_.operation_.gathers,
              c_.operation_.scatters);
      for (std::size_t p = 0; p < state.size(); ++p) {
        double& whole = to[grid.member[p]] = state[p];
        if (grid.rails > 1) whole = std::max(whole, run.sent()[p]);
        if (grid.folded[p] < 0) continue;
        const double gap = fold_gap(group, p, c_.operation_.folded(c_.bytes_));
        to[grid.folded[p]] = whole + latency + gap;
        whole += gap;
      }
    }
    return true;
  }

 private:
  /// An all-reduce sends down what it sent up.
  bool same_both_ways() const { return c_.operation_.scatters && c_.operation_.gathers; }

  /// A message between a place and the rank it stands for [s].
  double fold_gap(const InNetworkGroup& group, std::size_t place, double bytes) const {
    return bytes * group.inside_rate[place % index(group.grid.clusters)];
  }

  void fold(const InNetworkGroup& group, const double* ready, const InNetworkDelays& noise,
            std::vector<double>& state) const {
    for (std::size_t p = 0; p < state.size(); ++p) {
      const std::int32_t folded = group.grid.folded[p];
      if (folded < 0) continue;
      const double gap = fold_gap(group, p, c_.operation_.folded(c_.bytes_)),
                   begin = ready[folded] + c_.base_latency_;
      state[p] = std::max(begin + c_.inside_latency(group) + gap, state[p] + gap);
    }
    for_late(group, noise, [&](std::size_t place, double delay) { state[place] += delay; });
  }

  void unfold(const InNetworkGroup& group, const std::vector<double>& sent,
              const InNetworkDelays& noise, const std::vector<double>& state,
              double* finish) const {
    for (std::size_t p = 0; p < state.size(); ++p)
      if (const std::int32_t folded = group.grid.folded[p]; folded >= 0)
        finish[folded] = std::max(state[p], sent[p]) + c_.inside_latency(group) +
                         fold_gap(group, p, c_.operation_.unfolded(c_.bytes_));
    for_late(group, noise,
             [&](std::size_t place, double delay) { finish[group.grid.folded[place]] += delay; });
  }

  /// visit(place, delay) of the places that stand for another.
  template <class Visit>
  static void for_late(const InNetworkGroup& group, const InNetworkDelays& noise,
                       const Visit& visit) {
    for (std::size_t p = 0; p < noise.dense.size(); ++p)
      if (group.grid.folded[p] >= 0) visit(p, noise.dense[p]);
    for (const InNetworkSpike& spike : noise.spikes)
      if (group.grid.folded[index(spike.at)] >= 0) visit(index(spike.at), spike.delay);
  }

  const InNetworkCollective& c_;
  std::vector<InNetworkHops> up_, down_;  // (groups)
};

std::unique_ptr<CollectiveTrial> InNetworkCollective::begin_trial(const LinkState& links) const {
  return std::make_unique<InNetworkTrial>(*this, links);
}

}  // namespace lockstep
