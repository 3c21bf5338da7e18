#include "topologies/algorithms/torus/torus_send.hpp"

#include <algorithm>

#include "topologies/algorithms/torus/torus_collective.hpp"

namespace lockstep {

TorusSend::TorusSend(const CollectiveRequest& request, const TorusShape& shape,
                     std::int64_t largest_published)
    : groups_(shape, request.groups),
      links_(request, groups_),
      bytes_(request.bytes),
      scalar_time_(torus_scalar_time(shape, request.fabric)),
      choice_(torus_choice(shape)),
      extrapolated_(beyond_published(shape, largest_published)) {}

double TorusSend::cost_per_step(const Noise& noise) const {
  constexpr double rank_cost = 100;  // 0.1 ns
  return static_cast<double>(groups_.count() * groups_.grid().ranks()) *
         (rank_cost + (noise.hop_jitter.is_none() ? 0 : jittered_message_cost));
}

std::vector<TorusSend::Hop> TorusSend::way_to(std::int64_t rank) const {
  const TorusGrid& grid = groups_.grid();
  std::vector<Hop> way;
  std::int64_t at = rank - 1;
  for (std::size_t d : {2u, 1u, 0u, 3u}) {  // the fastest dimension first
    const std::int64_t to = grid.place(d, rank), from = grid.place(d, at);
    const bool back = to < from && !groups_.ring(d);
    for (std::int64_t place = from; place != to;) {
      at = grid.neighbour(at, d, back);
      place = grid.place(d, at);
      way.push_back({d, !back, at});
    }
  }
  return way;
}

double TorusSend::latency_to(std::int64_t rank) const {
  double latency = 0;
  for (const Hop& hop : way_to(rank)) latency += links_.hop_latency(hop.dimension);
  return latency;
}

double TorusSend::rate_to(const TorusRates& rates, std::int64_t group, std::int64_t rank) const {
  double slowest = 0;
  for (const Hop& hop : way_to(rank))
    slowest =
        std::max(slowest, rates.hop(groups_.grid(), hop.dimension, hop.forward, group, hop.into));
  return slowest;
}

MessageGraph TorusSend::graph(std::int64_t group, const LinkState& links) const {
  const TorusRates rates = links_.rates(links);
  MessageGraph graph{groups_.grid().ranks(), 0, {}};
  for (std::int64_t rank = 1; rank < graph.ranks; ++rank) {
    Message m;
    m.source = static_cast<std::int32_t>(rank - 1);
    m.destination = static_cast<std::int32_t>(rank);
    m.latency = latency_to(rank);
    m.bytes = bytes_;
    m.serialization = bytes_ * rate_to(rates, group, rank);
    m.number = rank;
    m.receiver_ready = true;
    graph.messages.push_back(std::move(m));
  }
  return graph;
}

class TorusSendTrial final : public CollectiveTrial {
 public:
  TorusSendTrial(const TorusSend& send, const LinkState& links)
      : send_(send), rates_(send.links_.rates(links)) {
    for (std::int64_t rank = 1; rank < send.groups_.grid().ranks(); ++rank)
      latency_.push_back(send.latency_to(rank));
  }

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& /*how*/) const override {
    const std::int64_t ranks = send_.groups_.grid().ranks();
    std::vector<double> delay;
    for (std::int64_t group = first_group; group < last_group; ++group) {
      delay.assign(static_cast<std::size_t>(ranks), 0.0);
      SpikeSequence spikes(noise, group, ranks);
      add_row_noise(noise, spikes, group, 0, delay);
      const double* begin = ready + group * ranks;
      double* end = finish + group * ranks;
      end[0] = begin[0];
      for (std::int64_t rank = 1; rank < ranks; ++rank) {
        const double takes = send_.bytes_ * send_.rate_to(rates_, group, rank);
        const double sent = begin[rank - 1] + latency_[static_cast<std::size_t>(rank - 1)] + takes;
        end[rank] = std::max(sent, begin[rank] + takes) + delay[static_cast<std::size_t>(rank)];
      }
    }
  }

 private:
  const TorusSend& send_;
  TorusRates rates_;
  std::vector<double> latency_;  // into rank 1, 2 ..
};

std::unique_ptr<CollectiveTrial> TorusSend::begin_trial(const LinkState& links) const {
  return std::make_unique<TorusSendTrial>(*this, links);
}

}  // namespace lockstep
