#include "topologies/algorithms/torus/twisted/twisted_exchange.hpp"

#include <algorithm>
#include <limits>

#include "topologies/algorithms/torus/torus_collective.hpp"

namespace lockstep {
namespace {

constexpr double message_cost = 20;  // 0.1 ns

}  // namespace

TwistedExchange::TwistedExchange(const CollectiveRequest& request, const TorusShape& shape,
                                 std::int64_t largest_published)
    : groups_(shape, request.groups),
      routes_(shape.chips),
      scalar_time_(torus_scalar_time(shape, request.fabric)),
      choice_(torus_choice(shape)),
      extrapolated_(beyond_published(shape, largest_published)) {
  const TorusFabric fabric(request.fabric, request.fleet);
  latency_ = fabric.latency(0, 1);
  const double block = request.bytes / static_cast<double>(routes_.chips());
  for (std::size_t step = 0; step < routes_.load().size(); ++step)
    for (std::size_t way = 0; way < torus_ways; ++way)
      if (const double blocks = routes_.load()[step][way]; blocks > 0)
        rows_.push_back({step, way, blocks * block});
  const auto generation = [&](std::int64_t rank) {
    return request.layout.generation[static_cast<std::size_t>(request.layout.at(0, rank))];
  };
  for (std::size_t d = 0; d < 3; ++d)
    for (std::int64_t rank = 0; rank < routes_.chips(); ++rank) {
      const std::int64_t after = routes_.next(rank, d, true);
      healthy_[d].push_back(fabric.rate(d, 1, generation(rank), generation(after)));
      from_[torus_way(d, true)].push_back(static_cast<std::int32_t>(routes_.next(rank, d, false)));
      from_[torus_way(d, false)].push_back(static_cast<std::int32_t>(after));
    }
}

double TwistedExchange::noise_free_time(const TorusShape& shape, double bytes,
                                        const TorusFabric& fabric) {
  const TwistedRoutes routes(shape.chips);
  const double block = bytes / static_cast<double>(routes.chips());
  double time = 0;
  for (const auto& ways : routes.load()) {
    double slowest = 0;
    for (std::size_t way = 0; way < torus_ways; ++way)
      slowest = std::max(slowest, ways[way] * block * fabric.slowest_rate(way / 2, 1));
    time += fabric.latency(0, 1) + slowest;
  }
  return time;
}

double TwistedExchange::cost_per_step(const Noise& noise) const {
  return static_cast<double>(messages_per_group()) *
         (message_cost + (noise.hop_jitter.is_none() ? 0 : jittered_message_cost));
}

TwistedExchange::Rates TwistedExchange::rates(const LinkState& links) const {
  const auto ranks = static_cast<std::size_t>(routes_.chips());
  Rates rates;
  for (std::size_t d = 0; d < 3; ++d) {
    std::vector<double> cable = healthy_[d];
    if (!links.link.empty())
      for (std::size_t rank = 0; rank < ranks; ++rank) {
        const std::int64_t place = groups_.place(0, static_cast<std::int64_t>(rank))[d];
        if (!groups_.repatched(d, place)) cable[rank] *= links.link[d * ranks + rank];
      }
    for (std::int32_t owner : from_[torus_way(d, true)])
      rates[torus_way(d, true)].push_back(cable[static_cast<std::size_t>(owner)]);
    rates[torus_way(d, false)] = std::move(cable);
  }
  return rates;
}

MessageGraph TwistedExchange::graph(std::int64_t /*group*/, const LinkState& links) const {
  const Rates rates = this->rates(links);
  const auto ranks = static_cast<std::size_t>(routes_.chips());
  MessageGraph graph{routes_.chips(), 0, {}};
  std::array<std::vector<std::vector<std::int32_t>>, torus_ways> port;
  for (auto& ports : port) ports.resize(ranks);
  std::vector<std::vector<std::int32_t>> arrived(ranks), arriving(ranks);
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const Row& row = rows_[r];
    if (r > 0 && row.step > rows_[r - 1].step) {
      arrived.swap(arriving);
      for (auto& messages : arriving) messages.clear();
    }
    for (std::size_t to = 0; to < ranks; ++to) {
      Message m;
      m.source = from_[row.way][to];
      m.destination = static_cast<std::int32_t>(to);
      m.latency = latency_;
      m.bytes = row.bytes;
      m.serialization = row.bytes * rates[row.way][to];
      m.number = static_cast<std::int64_t>(r * ranks + to);
      m.receiver_ready = true;
      m.inputs = arrived[static_cast<std::size_t>(m.source)];
      m.after_send = m.after_receive = port[row.way][to];
      port[row.way][to] = {static_cast<std::int32_t>(graph.messages.size())};
      arriving[to].push_back(static_cast<std::int32_t>(graph.messages.size()));
      graph.messages.push_back(std::move(m));
    }
  }
  return graph;
}

class TwistedExchangeTrial final : public CollectiveTrial {
 public:
  TwistedExchangeTrial(const TwistedExchange& exchange, const LinkState& links)
      : exchange_(exchange), rates_(exchange.rates(links)) {}

  void run(const MessageNoise& noise, std::int64_t /*first_group*/, std::int64_t /*last_group*/,
           const double* ready, double* finish, const Execution& /*how*/) const override {
    const auto ranks = static_cast<std::size_t>(exchange_.routes_.chips());
    SpikeSequence spikes(noise, 0, exchange_.messages_per_group());
    // Held: when a rank has all messages of the step before. A port opens when its rank is ready.
    std::vector<double> held(ready, ready + ranks), next(ranks, never);
    std::array<std::vector<double>, torus_ways> port;
    port.fill(held);
    std::copy(ready, ready + ranks, finish);
    std::size_t step = 0;
    for (std::size_t r = 0; r < exchange_.rows_.size(); ++r) {
      const auto& row = exchange_.rows_[r];
      if (row.step > step) {
        step = row.step;
        held.swap(next);
        std::fill(next.begin(), next.end(), never);
      }
      std::vector<double>& arrival = port[row.way];
      const std::vector<std::int32_t>& from = exchange_.from_[row.way];
      for (std::size_t to = 0; to < ranks; ++to) {
        const double gap = row.bytes * rates_[row.way][to];
        const double passed = held[static_cast<std::size_t>(from[to])] + (exchange_.latency_ + gap);
        arrival[to] = std::max(arrival[to] + gap, passed);
      }
      add_row_noise(noise, spikes, 0, static_cast<std::int64_t>(r * ranks), arrival);
      for (std::size_t to = 0; to < ranks; ++to) {
        next[to] = std::max(next[to], arrival[to]);
        finish[to] = std::max(finish[to], arrival[to]);
      }
    }
  }

 private:
  static constexpr double never = -std::numeric_limits<double>::infinity();

  const TwistedExchange& exchange_;
  TwistedExchange::Rates rates_;
};

std::unique_ptr<CollectiveTrial> TwistedExchange::begin_trial(const LinkState& links) const {
  return std::make_unique<TwistedExchangeTrial>(*this, links);
}

}  // namespace lockstep
