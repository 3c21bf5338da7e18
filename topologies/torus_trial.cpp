#include <algorithm>

#include "topologies/torus_all_reduce.hpp"
#include "topologies/torus_kernels.hpp"

namespace lockstep {

class TorusTrial final : public CollectiveTrial {
 public:
  TorusTrial(const TorusAllReduce& torus, const LinkState& links)
      : torus_(torus), rates_(torus.hop_rates(links)) {}

  void all_reduce(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
                  const double* ready, double* finish, int /*workers*/) const override {
    const auto ranks = static_cast<std::size_t>(torus_.ranks_);
    State state;
    state.part.resize(torus_.parts_, std::vector<double>(ranks));
    for (auto& ports : state.port)
      for (auto& port : ports) port.resize(ranks);
    state.own.resize(ranks);
    state.next.resize(ranks);
    for (std::int64_t group = first_group; group < last_group; ++group) {
      const double* from = ready + group * torus_.ranks_;
      double* to = finish + group * torus_.ranks_;
      for (auto& part : state.part) part.assign(from, from + ranks);
      for (auto& ports : state.port)
        for (auto& port : ports) std::fill(port.begin(), port.end(), -1e300);
      SpikeSequence spikes(noise, group, torus_.messages_per_group());
      for (const TorusAllReduce::Phase& phase : torus_.phases_)
        run_phase(noise, spikes, group, phase, state);
      std::copy(from, from + ranks, to);
      for (const auto& part : state.part)
        for (std::size_t i = 0; i < ranks; ++i) to[i] = std::max(to[i], part[i]);
    }
  }

 private:
  /// Of one group, arrays are (ranks) [s].
  struct State {
    std::vector<std::vector<double>> part;                   ///< when each part has come this far
    std::array<std::array<std::vector<double>, 2>, 3> port;  ///< last arrival on each link
    std::vector<double> own, next;
  };

  void run_phase(const MessageNoise& noise, SpikeSequence& spikes, std::int64_t group,
                 const TorusAllReduce::Phase& phase, State& state) const {
    const std::size_t direction = phase.forward ? 0 : 1;
    std::vector<double>& part = state.part[phase.part];
    std::vector<double>& port = state.port[phase.dimension][direction];
    TorusRow row;
    row.length = torus_.sides_[phase.dimension];
    row.inner = torus_.stride_[phase.dimension];
    row.outer = torus_.ranks_ / (row.length * row.inner);
    row.forward = phase.forward;
    row.seconds_per_byte = rates_[phase.dimension][direction].data() + group * torus_.ranks_;
    row.bytes = phase.bytes;
    row.latency = torus_.hop_latency_[phase.dimension];
    for (std::size_t i = 0; i < part.size(); ++i) state.own[i] = std::max(part[i], port[i]);
    row.own = state.own.data();
    for (std::int64_t k = 0; k < row.length - 1; ++k) {
      row.state = part.data();
      row.next = state.next.data();
      torus_kernels().advance(row);
      part.swap(state.next);
      row.own = part.data();
      add_row_noise(noise, spikes, group, (phase.first_row + k) * torus_.ranks_, part);
    }
    port = part;
  }

  const TorusAllReduce& torus_;
  TorusAllReduce::HopRates rates_;
};

std::unique_ptr<CollectiveTrial> TorusAllReduce::begin_trial(const LinkState& links) const {
  return std::make_unique<TorusTrial>(*this, links);
}

}  // namespace lockstep
