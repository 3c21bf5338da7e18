#include "topologies/hierarchical_ring.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "topologies/kind.hpp"
#include "topologies/nccl_constants.hpp"
#include "topologies/rail_layout.hpp"
#include "topologies/ring_rows.hpp"
#include "topologies/switched_fabric.hpp"
#include "topologies/torus_kernels.hpp"

namespace lockstep {
namespace {

/// Costs of one group's hops into each place, (rails, clusters).
struct RailHops {
  std::vector<double> rail_latency, rail_gap;  ///< [s]; latency with serialization in a trial
  std::vector<Tier> rail_tier;
  std::vector<double> inside_rate;  ///< [s/B]
};

class HierarchicalRing final : public Collective {
 public:
  explicit HierarchicalRing(const CollectiveRequest& request)
      : ranks_(request.layout.replicas),
        groups_(request.layout.groups()),
        rails_(smallest_cluster(request.layout)),
        scalar_time_(scalar_tree_time(request)) {
    for (std::int64_t group = 0; group < groups_; ++group) {
      grids_.push_back(rail_layout(request.layout, group, rails_));
      most_clusters_ = std::max(most_clusters_, grids_.back().clusters);
    }
    inside_bytes_ = request.bytes / static_cast<double>(rails_);
    bytes_ = request.bytes;
    for (const RailLayout& grid : grids_) {
      messages_ = std::max(messages_, unfold_row(grid) * grid.places() + grid.places());
      cost_ += static_cast<double>(grid.places() * (2 * grid.clusters + 6 * rails_));
    }
    choose_protocol(request);
  }

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t messages_per_group() const override { return messages_; }
  double cost_per_step(const Noise& noise) const override {
    return cost_ * (noise.hop_jitter.is_none() ? 1.0 : jittered_message_cost);
  }
  double scalar_all_reduce_time() const override { return scalar_time_; }
  bool extrapolated() const override { return false; }
  std::string choice() const override {
    return fmt::format("{}, {} rail{}, {} cluster{}", protocol_, rails_, rails_ == 1 ? "" : "s",
                       most_clusters_, most_clusters_ == 1 ? "" : "s");
  }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class HierarchicalRingTrial;

  // First rows of the phases, see hierarchical_ring.hpp.
  static std::int64_t inside_row(const RailLayout& grid) { return grid.folds ? 1 : 0; }
  static std::int64_t rail_row(const RailLayout& grid) { return inside_row(grid) + grid.rails - 1; }
  static std::int64_t gather_row(const RailLayout& grid) {
    return rail_row(grid) + 2 * (grid.clusters - 1);
  }
  static std::int64_t unfold_row(const RailLayout& grid) {
    return gather_row(grid) + grid.rails - 1;
  }

  std::int32_t chip(std::int64_t group, std::int64_t place) const {
    return static_cast<std::int32_t>(group * ranks_) +
           grids_[static_cast<std::size_t>(group)].member[static_cast<std::size_t>(place)];
  }

  /// Hops under a trial's slow links: a slow NIC slows the hops between domains into and out of it.
  RailHops hops(std::int64_t group, const LinkState& links) const {
    const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
    RailHops hops = hops_[static_cast<std::size_t>(group)];
    for (std::int64_t p = 0; p < grid.places(); ++p) {
      const auto at = static_cast<std::size_t>(p);
      hops.rail_gap[at] *= links.hop_factor(
          hops.rail_tier[at], static_cast<std::size_t>(chip(group, grid.before_on_rail(p))),
          static_cast<std::size_t>(chip(group, p)));
      hops.rail_latency[at] += hops.rail_gap[at];
    }
    return hops;
  }

  /// The rail hops of all groups, then a hop inside each cluster of all groups.
  std::vector<Flow> flows() const {
    std::vector<Flow> flows;
    for (std::int64_t group = 0; group < groups_; ++group) {
      const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
      for (std::int64_t p = 0; p < grid.places(); ++p)
        flows.push_back({chip(group, grid.before_on_rail(p)), chip(group, p)});
    }
    for (std::int64_t group = 0; group < groups_; ++group) {
      const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
      for (std::int64_t c = 0; c < grid.clusters; ++c)
        flows.push_back({chip(group, c), chip(group, grid.before_inside(c))});
    }
    return flows;
  }

  void choose_protocol(const CollectiveRequest& request) {
    const std::vector<std::int32_t>& domain = request.layout.domain;
    const bool uniform = request.fabric.uniform();
    const bool several_nodes =
        std::any_of(domain.begin(), domain.end(), [&](std::int32_t d) { return d != domain[0]; });
    const std::vector<Flow> flows = this->flows();
    double best = 1e300;
    for (const NcclProtocol& protocol : nccl_protocols) {
      if (!uniform && request.fabric.protocol != "auto" && request.fabric.protocol != protocol.name)
        continue;
      const double plateau =
          protocol.ring_plateau(several_nodes, inside_bytes_ / static_cast<double>(most_clusters_));
      const PortUse use{protocol.ring_scale_up * plateau, protocol.ring_network * plateau,
                        protocol.ring_bandwidth_factor};
      const std::vector<Hop> hops = route(request, use, flows);
      const double base = uniform || ranks_ == 1 ? 0.0 : protocol.ring_base;
      const double estimate = base + noise_free_estimate(hops);
      if (estimate >= best) continue;
      best = estimate;
      base_latency_ = base;
      protocol_ = uniform ? "uniform hops" : std::string(protocol.name);
      inside_latency_ = uniform ? *request.fabric.hop_latency : use.scale_up_latency;
      keep_hops(hops);
    }
  }

  void keep_hops(const std::vector<Hop>& hops) {
    hops_.clear();
    auto hop = hops.begin();
    for (const RailLayout& grid : grids_) {
      const double bytes = rail_bytes(grid);
      RailHops& kept = hops_.emplace_back();
      for (std::int64_t p = 0; p < grid.places(); ++p, ++hop) {
        kept.rail_latency.push_back(hop->latency);
        kept.rail_gap.push_back(bytes / hop->bandwidth);
        kept.rail_tier.push_back(hop->tier);
      }
    }
    for (std::size_t g = 0; g < grids_.size(); hop += grids_[g++].clusters)
      for (std::int64_t p = 0; p < grids_[g].places(); ++p)
        hops_[g].inside_rate.push_back(1 / hop[p % grids_[g].clusters].bandwidth);
  }

  double rail_bytes(const RailLayout& grid) const {
    return inside_bytes_ / static_cast<double>(grid.clusters);
  }

  /// On each rail a message circles at the mean hop or waits at the slowest gap, whichever is
  /// longer; to that the slowest cluster's phases.
  double noise_free_estimate(const std::vector<Hop>& hops) const {
    double rails = 0, inside = 0;
    auto hop = hops.begin();
    for (const RailLayout& grid : grids_)
      for (std::int64_t rail = 0; rail < rails_; ++rail, hop += grid.clusters) {
        double sum = 0, gap = 0;
        for (auto h = hop; h != hop + grid.clusters; ++h) {
          sum += h->latency + rail_bytes(grid) / h->bandwidth;
          gap = std::max(gap, rail_bytes(grid) / h->bandwidth);
        }
        rails = std::max(rails, std::max(sum / static_cast<double>(grid.clusters), gap) *
                                    static_cast<double>(2 * (grid.clusters - 1)));
      }
    for (const RailLayout& grid : grids_)
      for (std::int64_t c = 0; c < grid.clusters; ++c, ++hop)
        inside =
            std::max(inside, 2 * static_cast<double>(rails_ - 1) *
                                     (hop->latency + inside_bytes_ / hop->bandwidth) +
                                 (grid.folds ? 2 : 0) * (hop->latency + bytes_ / hop->bandwidth));
    return rails + inside;
  }

  std::int64_t ranks_, groups_, rails_, most_clusters_ = 0, messages_ = 0;
  double scalar_time_, bytes_ = 0, inside_bytes_ = 0, base_latency_ = 0, inside_latency_ = 0;
  double cost_ = 0;
  std::string protocol_;
  std::vector<RailLayout> grids_;  // (groups)
  std::vector<RailHops> hops_;     // (groups), without slow links, latency alone
};

MessageGraph HierarchicalRing::graph(std::int64_t group, const LinkState& links) const {
  const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
  const RailHops costs = hops(group, links);
  const std::int64_t places = grid.places();
  MessageGraph graph{.ranks = ranks_, .start_latency = base_latency_, .messages = {}};
  std::vector<std::int32_t> last(static_cast<std::size_t>(places), -1);  // message into each place
  const auto last_into = [&](std::int64_t place) -> std::int32_t& {
    return last[static_cast<std::size_t>(place)];
  };
  const auto inside_hop = [&](std::int64_t place, double bytes, std::int64_t number) {
    Message m;
    m.latency = inside_latency_;
    m.serialization = bytes * costs.inside_rate[static_cast<std::size_t>(place)];
    m.bytes = bytes;
    m.number = number;
    return m;
  };
  const auto rail_hop = [&](std::int64_t place, std::int64_t number) {
    const auto at = static_cast<std::size_t>(place);
    Message m;
    m.serialization = costs.rail_gap[at];
    m.latency = costs.rail_latency[at] - costs.rail_gap[at];
    m.bytes = rail_bytes(grid);
    m.number = number;
    return m;
  };
  /// One row of a ring; what a place sends is what it got last.
  const auto add_row = [&](bool first, const auto& before, const auto& message) {
    std::vector<std::int32_t> now(last.size());
    for (std::int64_t p = 0; p < places; ++p) {
      Message m = message(p);
      m.source = grid.member[static_cast<std::size_t>(before(p))];
      m.destination = grid.member[static_cast<std::size_t>(p)];
      if (last_into(before(p)) >= 0) m.inputs = {last_into(before(p))};
      if (last_into(p) >= 0) m.after_receive = {last_into(p)};
      m.receiver_ready = last_into(p) < 0;
      if (!first) m.after_send = {last_into(p)};
      now[static_cast<std::size_t>(p)] = static_cast<std::int32_t>(graph.messages.size());
      graph.messages.push_back(std::move(m));
    }
    last = now;
  };
  const auto add_inside = [&](std::int64_t first_row) {
    for (std::int64_t k = 0; k < rails_ - 1; ++k)
      add_row(
          k == 0, [&](std::int64_t p) { return grid.before_inside(p); },
          [&](std::int64_t p) {
            return inside_hop(p, inside_bytes_, (first_row + k) * places + p);
          });
  };

  for (std::int64_t p = 0; p < places; ++p)
    if (const std::int32_t extra = grid.folded[static_cast<std::size_t>(p)]; extra >= 0) {
      Message m = inside_hop(p, bytes_, p);
      m.source = extra;
      m.destination = grid.member[static_cast<std::size_t>(p)];
      m.receiver_ready = true;
      last_into(p) = static_cast<std::int32_t>(graph.messages.size());
      graph.messages.push_back(std::move(m));
    }
  add_inside(inside_row(grid));
  const std::int64_t rows = 2 * (grid.clusters - 1);
  for (std::int64_t k = 0; k < rows; ++k)
    add_row(
        k == 0, [&](std::int64_t p) { return grid.before_on_rail(p); },
        [&](std::int64_t p) {
          const std::int64_t rail = p / grid.clusters;
          return rail_hop(
              p, rail_row(grid) * places + (rail * rows + k) * grid.clusters + p % grid.clusters);
        });
  add_inside(gather_row(grid));
  for (std::int64_t p = 0; p < places; ++p)
    if (const std::int32_t extra = grid.folded[static_cast<std::size_t>(p)]; extra >= 0) {
      Message m = inside_hop(p, bytes_, unfold_row(grid) * places + p);
      m.source = grid.member[static_cast<std::size_t>(p)];
      m.destination = extra;
      m.inputs = {last_into(p)};
      graph.messages.push_back(std::move(m));
    }
  return graph;
}

class HierarchicalRingTrial final : public CollectiveTrial {
 public:
  HierarchicalRingTrial(const HierarchicalRing& ring, const LinkState& links) : ring_(ring) {
    for (std::int64_t group = 0; group < ring.groups_; ++group)
      hops_.push_back(ring.hops(group, links));
    for (std::size_t g = 0; g < hops_.size(); ++g)
      for (std::int64_t rail = 0; rail < ring.rails_; ++rail) {
        const std::int64_t clusters = ring.grids_[g].clusters;
        rails_.emplace_back(hops_[g].rail_latency.data() + rail * clusters,
                            hops_[g].rail_gap.data() + rail * clusters, clusters);
      }
  }

  void all_reduce(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
                  const double* ready, double* finish, int /*workers*/) const override {
    std::vector<double> state, next;
    for (std::int64_t group = first_group; group < last_group; ++group) {
      const RailLayout& grid = ring_.grids_[static_cast<std::size_t>(group)];
      const double* from = ready + group * ring_.ranks_;
      double* to = finish + group * ring_.ranks_;
      state.resize(static_cast<std::size_t>(grid.places()));
      next.resize(state.size());
      for (std::size_t p = 0; p < state.size(); ++p)
        state[p] = from[grid.member[p]] + ring_.base_latency_;
      SpikeSequence spikes(noise, group, ring_.messages_);
      const Pass pass{noise, spikes, group, grid};
      if (grid.folds) fold(pass, from, state, next);
      run_inside(pass, HierarchicalRing::inside_row(grid), state, next);
      run_rails(pass, state);
      run_inside(pass, HierarchicalRing::gather_row(grid), state, next);
      for (std::size_t p = 0; p < state.size(); ++p) to[grid.member[p]] = state[p];
      if (grid.folds) unfold(pass, state, next, to);
    }
  }

 private:
  struct Pass {
    const MessageNoise& noise;
    SpikeSequence& spikes;
    std::int64_t group;
    const RailLayout& grid;
  };

  /// Cost of a whole buffer between a place and the rank it stands for: latency and gap [s].
  std::pair<double, double> fold_hop(const Pass& pass, std::size_t place) const {
    const double gap =
        ring_.bytes_ * hops_[static_cast<std::size_t>(pass.group)].inside_rate[place];
    return {ring_.inside_latency_ + gap, gap};
  }

  void fold(const Pass& pass, const double* ready, std::vector<double>& state,
            std::vector<double>& delay) const {
    std::fill(delay.begin(), delay.end(), 0.0);
    add_row_noise(pass.noise, pass.spikes, pass.group, 0, delay);
    for (std::size_t p = 0; p < state.size(); ++p) {
      if (pass.grid.folded[p] < 0) continue;
      const auto [latency, gap] = fold_hop(pass, p);
      const double begin = ready[pass.grid.folded[p]] + ring_.base_latency_;
      state[p] = std::max(begin + latency, state[p] + gap) + delay[p];
    }
  }

  void unfold(const Pass& pass, const std::vector<double>& state, std::vector<double>& delay,
              double* finish) const {
    std::fill(delay.begin(), delay.end(), 0.0);
    add_row_noise(pass.noise, pass.spikes, pass.group,
                  HierarchicalRing::unfold_row(pass.grid) * pass.grid.places(), delay);
    for (std::size_t p = 0; p < state.size(); ++p)
      if (pass.grid.folded[p] >= 0)
        finish[pass.grid.folded[p]] = state[p] + fold_hop(pass, p).first + delay[p];
  }

  void run_inside(const Pass& pass, std::int64_t first_row, std::vector<double>& state,
                  std::vector<double>& next) const {
    TorusRow row;
    row.length = pass.grid.rails;
    row.inner = pass.grid.clusters;
    row.seconds_per_byte = hops_[static_cast<std::size_t>(pass.group)].inside_rate.data();
    row.bytes = ring_.inside_bytes_;
    row.latency = ring_.inside_latency_;
    for (std::int64_t k = 0; k < pass.grid.rails - 1; ++k) {
      row.state = row.own = state.data();
      row.next = next.data();
      torus_kernels().advance(row);
      state.swap(next);
      add_row_noise(pass.noise, pass.spikes, pass.group, (first_row + k) * pass.grid.places(),
                    state);
    }
  }

  void run_rails(const Pass& pass, std::vector<double>& state) const {
    const std::int64_t clusters = pass.grid.clusters, rows = 2 * (clusters - 1);
    const std::int64_t first = HierarchicalRing::rail_row(pass.grid) * pass.grid.places();
    for (std::int64_t rail = 0; rail < pass.grid.rails; ++rail)
      rails_[static_cast<std::size_t>(pass.group * pass.grid.rails + rail)].run(
          pass.noise, pass.spikes, pass.group, first + rail * rows * clusters, rows,
          std::span(state).subspan(static_cast<std::size_t>(rail * clusters),
                                   static_cast<std::size_t>(clusters)));
  }

  const HierarchicalRing& ring_;
  std::vector<RailHops> hops_;   // (groups)
  std::vector<RingRows> rails_;  // (groups, rails)
};

std::unique_ptr<CollectiveTrial> HierarchicalRing::begin_trial(const LinkState& links) const {
  return std::make_unique<HierarchicalRingTrial>(*this, links);
}

}  // namespace

const TopologyKind hierarchical_ring_topology{
    .name = "hierarchical_ring",
    .summary = "rings inside scale-up domains and one ring per rail across, on a switched fabric",
    .source = "Mikami et al. (arXiv 1811.05233); NCCL 2.30 latencies",
    .parameters = {},
    .usable_replicas = any_replicas,
    .make = make_collective<HierarchicalRing>,
};

}  // namespace lockstep
