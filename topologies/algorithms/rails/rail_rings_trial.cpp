#include <algorithm>
#include <utility>

#include "topologies/algorithms/rails/rail_rings.hpp"
#include "topologies/algorithms/ring/latest/rings_latest.hpp"
#include "topologies/algorithms/torus/torus_phase.hpp"

namespace lockstep {

class RailRingsTrial final : public CollectiveTrial {
 public:
  RailRingsTrial(const RailRings& ring, const LinkState& links) : ring_(ring) {
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
    std::vector<std::vector<double>> chunks;
    TorusPhaseRunner inside;
    RingLaps::Scratch scratch;
    for (std::int64_t group = first_group; group < last_group; ++group) {
      const RailLayout& grid = ring_.grids_[static_cast<std::size_t>(group)];
      const double* from = ready + group * ring_.ranks_;
      double* to = finish + group * ring_.ranks_;
      chunks.resize(static_cast<std::size_t>(ring_.chunks(grid)));
      state.resize(static_cast<std::size_t>(grid.places()));
      delay.resize(state.size());
      for (std::size_t p = 0; p < state.size(); ++p)
        state[p] = from[grid.member[p]] + ring_.base_latency_;
      SpikeSequence spikes(noise, group, ring_.messages_per_group());
      const Pass pass{noise, spikes, group, grid, ring_.numbering(grid)};
      if (grid.folds) fold(pass, from, state, delay);
      // A chunk enters a phase when it is through with the one before and its port with the chunk
      // before; NVLink is through with all that is scattered before it takes what is gathered.
      for (std::size_t c = 0; c < chunks.size(); ++c) {
        if (ring_.operation_.scatters)
          run_inside(pass, pass.number.scatter(index(c), 0), true, inside, state);
        chunks[c] = state;
      }
      for (std::size_t c = 0; c < chunks.size(); ++c) {
        if (c > 0) raise(chunks[c], chunks[c - 1]);
        run_rails(pass, index(c), chunks[c], scratch, how);
      }
      if (ring_.operation_.gathers)
        for (std::size_t c = 0; c < chunks.size(); ++c) {
          raise(state, chunks[c]);
          run_inside(pass, pass.number.gather(index(c), 0), true, inside, state);
        }
      else
        state = chunks.back();
      for (std::size_t p = 0; p < state.size(); ++p) to[grid.member[p]] = state[p];
      if (grid.folds) unfold(pass, state, delay, to);
    }
  }

  /// run() from its end to its beginning.
  bool run_back(std::int64_t first_group, std::int64_t last_group, const double* after,
                double* cost) const override {
    const MessageNoise quiet;
    std::vector<double> state;
    std::vector<std::vector<double>> chunks;
    TorusPhaseRunner inside;
    RingLaps::Scratch scratch;
    for (std::int64_t group = first_group; group < last_group; ++group) {
      const RailLayout& grid = ring_.grids_[static_cast<std::size_t>(group)];
      const double* from = after + group * ring_.ranks_;
      double* to = cost + group * ring_.ranks_;
      SpikeSequence none(quiet, group, 0);
      const Pass pass{quiet, none, group, grid, ring_.numbering(grid)};
      state.resize(static_cast<std::size_t>(grid.places()));
      for (std::size_t p = 0; p < state.size(); ++p) {
        state[p] = from[grid.member[p]];
        if (grid.folded[p] >= 0)
          state[p] = std::max(
              state[p], from[grid.folded[p]] +
                            fold_hop(pass, p, ring_.operation_.unfolded(ring_.bytes_)).latency);
      }
      chunks.assign(static_cast<std::size_t>(ring_.chunks(grid)),
                    std::vector<double>(state.size(), left_out));
      if (ring_.operation_.gathers) {
        for (std::size_t c = chunks.size(); c-- > 0;) {
          run_inside(pass, 0, false, inside, state);
          chunks[c] = state;
        }
      } else {
        chunks.back().swap(state);
      }
      for (std::size_t c = chunks.size(); c-- > 0;) {
        run_rails_back(pass, chunks[c], scratch);
        if (c > 0) raise(chunks[c - 1], chunks[c]);
      }
      for (std::size_t c = chunks.size(); c-- > 0;) {
        raise(state, chunks[c]);
        if (ring_.operation_.scatters) run_inside(pass, 0, false, inside, state);
      }
      for (std::size_t p = 0; p < state.size(); ++p) {
        state[p] += ring_.base_latency_;
        to[grid.member[p]] = state[p];
        if (grid.folded[p] < 0) continue;
        const FoldHop hop = fold_hop(pass, p, ring_.operation_.folded(ring_.bytes_));
        to[grid.member[p]] += hop.gap;
        to[grid.folded[p]] = state[p] + hop.latency;
      }
    }
    return true;
  }

  /// Where each group is one rail that all go round in one chunk.
  std::unique_ptr<LatestFinish> latest_finish(const double* after) const override {
    std::vector<std::vector<RingChannel>> groups;
    for (const RailLayout& grid : ring_.grids_) {
      const RingLaps& rail = rails_[first_rail_[groups.size()]];
      if (grid.rails > 1 || ring_.chunks(grid) > 1) return nullptr;
      groups.push_back({{&rail, grid.member.data(), ring_.base_latency_}});
    }
    return std::make_unique<RingsLatest>(*this, std::move(groups), ring_.ranks_,
                                         ring_.messages_per_group(), after);
  }

 private:
  struct Pass {
    const MessageNoise& noise;
    SpikeSequence& spikes;
    std::int64_t group;
    const RailLayout& grid;
    RailRingNumbering number;
  };

  static std::int64_t index(std::size_t chunk) { return static_cast<std::int64_t>(chunk); }
  static void raise(std::vector<double>& times, const std::vector<double>& to) {
    for (std::size_t p = 0; p < times.size(); ++p) times[p] = std::max(times[p], to[p]);
  }

  /// A message between a place and the rank it stands for, latency with serialization [s].
  struct FoldHop {
    double latency, gap;
  };
  FoldHop fold_hop(const Pass& pass, std::size_t place, double bytes) const {
    const double gap =
        bytes * ring_.inside_rate_[static_cast<std::size_t>(pass.group)]
                                  [place % static_cast<std::size_t>(pass.grid.clusters)];
    return {ring_.inside_latency_ + gap, gap};
  }

  void fold(const Pass& pass, const double* ready, std::vector<double>& state,
            std::vector<double>& delay) const {
    std::fill(delay.begin(), delay.end(), 0.0);
    add_row_noise(pass.noise, pass.spikes, pass.group, pass.number.folding(), delay);
    for (std::size_t p = 0; p < state.size(); ++p) {
      if (pass.grid.folded[p] < 0) continue;
      const auto [latency, gap] = fold_hop(pass, p, ring_.operation_.folded(ring_.bytes_));
      const double begin = ready[pass.grid.folded[p]] + ring_.base_latency_;
      state[p] = std::max(begin + latency, state[p] + gap) + delay[p];
    }
  }

  void unfold(const Pass& pass, const std::vector<double>& state, std::vector<double>& delay,
              double* finish) const {
    std::fill(delay.begin(), delay.end(), 0.0);
    add_row_noise(pass.noise, pass.spikes, pass.group, pass.number.unfolding(), delay);
    for (std::size_t p = 0; p < state.size(); ++p)
      if (pass.grid.folded[p] >= 0)
        finish[pass.grid.folded[p]] =
            state[p] + fold_hop(pass, p, ring_.operation_.unfolded(ring_.bytes_)).latency +
            delay[p];
  }

  void run_inside(const Pass& pass, std::int64_t first_message, bool forward,
                  TorusPhaseRunner& runner, std::vector<double>& state) const {
    if (pass.grid.rails == 1) return;
    TorusPhase phase;
    phase.length = pass.grid.rails;
    phase.inner = pass.grid.clusters;
    phase.forward = forward;
    phase.bytes = ring_.inside_bytes(pass.grid);
    phase.latency = ring_.inside_latency_;
    phase.rate = ring_.inside_rate_[static_cast<std::size_t>(pass.group)].data();
    phase.part = phase.out = state.data();
    std::vector<LineSpike> spikes = take_spikes(pass.spikes, phase, first_message);
    const DenseRows dense{pass.noise, pass.group, first_message / pass.grid.places()};
    runner.run(phase, {}, spikes, pass.noise.hop_jitter ? &dense : nullptr);
  }

  void run_rails(const Pass& pass, std::int64_t chunk, std::vector<double>& state,
                 RingLaps::Scratch& scratch, const Execution& how) const {
    const std::int64_t clusters = pass.grid.clusters;
    for (std::int64_t rail = 0; rail < pass.grid.rails; ++rail)
      rails_[first_rail_[static_cast<std::size_t>(pass.group)] + static_cast<std::size_t>(rail)]
          .run(pass.noise, pass.spikes, pass.group, pass.number.rail(chunk, rail, 0),
               std::span(state).subspan(static_cast<std::size_t>(rail * clusters),
                                        static_cast<std::size_t>(clusters)),
               scratch, how);
  }

  void run_rails_back(const Pass& pass, std::vector<double>& state,
                      RingLaps::Scratch& scratch) const {
    const std::int64_t clusters = pass.grid.clusters;
    for (std::int64_t rail = 0; rail < pass.grid.rails; ++rail)
      rails_[first_rail_[static_cast<std::size_t>(pass.group)] + static_cast<std::size_t>(rail)]
          .run_back(std::span(state).subspan(static_cast<std::size_t>(rail * clusters),
                                             static_cast<std::size_t>(clusters)),
                    scratch);
  }

  const RailRings& ring_;
  std::vector<RailHops> hops_;           // (groups)
  std::vector<RingLaps> rails_;          // of group after group
  std::vector<std::size_t> first_rail_;  // (groups)
};

std::unique_ptr<CollectiveTrial> RailRings::begin_trial(const LinkState& links) const {
  return std::make_unique<RailRingsTrial>(*this, links);
}

}  // namespace lockstep
