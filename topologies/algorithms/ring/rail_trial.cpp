#include <algorithm>

#include "topologies/algorithms/ring/rail_all_reduce.hpp"
#include "topologies/algorithms/ring/ring_laps.hpp"
#include "topologies/algorithms/torus/torus_phase.hpp"

namespace lockstep {

class RailTrial final : public CollectiveTrial {
 public:
  RailTrial(const RailAllReduce& ring, const LinkState& links) : ring_(ring) {
    for (std::int64_t group = 0; group < ring.groups_; ++group)
      hops_.push_back(ring.hops(group, links));
    for (std::size_t g = 0; g < hops_.size(); ++g) {
      first_rail_.push_back(rails_.size());
      const std::int64_t clusters = ring.grids_[g].clusters;
      for (std::int64_t rail = 0; rail < ring.grids_[g].rails; ++rail)
        rails_.emplace_back(ring.method_, rails_.size(), hops_[g].latency.data() + rail * clusters,
                            hops_[g].gap.data() + rail * clusters, clusters);
    }
  }

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& how) const override {
    std::vector<double> state, delay;
    TorusPhaseRunner inside;
    RingLaps::Scratch scratch;
    for (std::int64_t group = first_group; group < last_group; ++group) {
      const RailLayout& grid = ring_.grids_[static_cast<std::size_t>(group)];
      const double* from = ready + group * ring_.ranks_;
      double* to = finish + group * ring_.ranks_;
      state.resize(static_cast<std::size_t>(grid.places()));
      delay.resize(state.size());
      for (std::size_t p = 0; p < state.size(); ++p)
        state[p] = from[grid.member[p]] + ring_.base_latency_;
      SpikeSequence spikes(noise, group, ring_.messages_);
      const Pass pass{noise, spikes, group, grid};
      if (grid.folds) fold(pass, from, state, delay);
      run_inside(pass, RailAllReduce::inside_row(grid), inside, state);
      run_rails(pass, state, scratch, how);
      run_inside(pass, RailAllReduce::gather_row(grid), inside, state);
      for (std::size_t p = 0; p < state.size(); ++p) to[grid.member[p]] = state[p];
      if (grid.folds) unfold(pass, state, delay, to);
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
        ring_.bytes_ * ring_.inside_rate_[static_cast<std::size_t>(pass.group)]
                                         [place % static_cast<std::size_t>(pass.grid.clusters)];
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
                  RailAllReduce::unfold_row(pass.grid) * pass.grid.places(), delay);
    for (std::size_t p = 0; p < state.size(); ++p)
      if (pass.grid.folded[p] >= 0)
        finish[pass.grid.folded[p]] = state[p] + fold_hop(pass, p).first + delay[p];
  }

  void run_inside(const Pass& pass, std::int64_t first_row, TorusPhaseRunner& runner,
                  std::vector<double>& state) const {
    if (pass.grid.rails == 1) return;
    TorusPhase phase;
    phase.length = pass.grid.rails;
    phase.inner = pass.grid.clusters;
    phase.bytes = ring_.inside_bytes(pass.grid);
    phase.latency = ring_.inside_latency_;
    phase.rate = ring_.inside_rate_[static_cast<std::size_t>(pass.group)].data();
    phase.part = phase.out = state.data();
    std::vector<LineSpike> spikes = take_spikes(pass.spikes, phase, first_row * pass.grid.places());
    const DenseRows dense{pass.noise, pass.group, {first_row}};
    runner.run(phase, {}, spikes, pass.noise.hop_jitter ? &dense : nullptr);
  }

  void run_rails(const Pass& pass, std::vector<double>& state, RingLaps::Scratch& scratch,
                 const Execution& how) const {
    const std::int64_t clusters = pass.grid.clusters, rows = 2 * (clusters - 1);
    const std::int64_t first = RailAllReduce::rail_row(pass.grid) * pass.grid.places();
    for (std::int64_t rail = 0; rail < pass.grid.rails; ++rail)
      rails_[first_rail_[static_cast<std::size_t>(pass.group)] + static_cast<std::size_t>(rail)]
          .run(pass.noise, pass.spikes, pass.group, first + rail * rows * clusters,
               std::span(state).subspan(static_cast<std::size_t>(rail * clusters),
                                        static_cast<std::size_t>(clusters)),
               scratch, how);
  }

  const RailAllReduce& ring_;
  std::vector<RailHops> hops_;           // (groups)
  std::vector<RingLaps> rails_;          // of group after group
  std::vector<std::size_t> first_rail_;  // (groups)
};

std::unique_ptr<CollectiveTrial> RailAllReduce::begin_trial(const LinkState& links) const {
  return std::make_unique<RailTrial>(*this, links);
}

}  // namespace lockstep
