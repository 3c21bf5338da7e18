#include "topologies/algorithms/pairwise/pairwise_exchange.hpp"

#include <algorithm>

#include "topologies/algorithms/noise_free_time.hpp"
#include "topologies/wiring/nccl/tuning_model.hpp"

namespace lockstep {
namespace {

/// What all_to_all gets of NVLink, see pairwise_exchange.hpp.
constexpr double all_to_all_share = 0.89;

}  // namespace

PairwiseExchange::PairwiseExchange(const CollectiveRequest& request)
    : fabric_(request),
      ranks_(request.layout.replicas),
      groups_(request.layout.groups()),
      message_bytes_(request.bytes),
      scalar_time_(scalar_tree_time(request)) {
  if (request.operation == Operation::all_to_all) {
    rounds_ = ranks_ - 1;
    senders_ = ranks_;
    message_bytes_ /= static_cast<double>(ranks_);
    if (!request.fabric.uniform()) inside_share_ = all_to_all_share;
  } else if (ranks_ > 1) {
    rounds_ = 1;
    senders_ = ranks_ - 1;
  }
  for (std::int64_t group = 0; group < groups_; ++group)
    lay_out(request.layout, group, request.operation);
  for (std::int64_t group = 0; group < groups_; ++group)
    for (std::int64_t round = 1; round <= rounds_; ++round)
      for (std::int64_t place = 0; place < senders_; ++place)
        fabric_.add({chip(group, rank(group, place)), chip(group, receiver(group, round, place))},
                    1 / static_cast<double>(rounds_));
  if (request.fabric.uniform()) {
    one_port_ = true;
    protocol_ = "uniform hops";
    return;
  }
  const std::span<const NcclProtocol> open = open_protocols(request.fabric);
  take(open[fastest(open.size(), [&](std::size_t protocol) {
    take(open[protocol]);
    return noise_free_time(*begin_trial({}), groups_, ranks_);
  })]);
}

void PairwiseExchange::lay_out(const Layout& layout, std::int64_t group, Operation operation) {
  if (operation == Operation::send) {
    for (std::int32_t r = 0; r < ranks_; ++r) order_.push_back(r);
    clusters_.push_back(1);
    return;
  }
  const DomainClusters domains = domain_clusters(layout, group);
  order_.insert(order_.end(), domains.members.begin(), domains.members.end());
  bool alike = true;
  for (std::int32_t c = 0; c < domains.count(); ++c) alike &= domains.size(c) == domains.size(0);
  clusters_.push_back(alike ? domains.size(0) : 1);
}

std::int64_t PairwiseExchange::receiver(std::int64_t group, std::int64_t round,
                                        std::int64_t place) const {
  const std::int64_t size = clusters_[static_cast<std::size_t>(group)], count = ranks_ / size;
  const std::int64_t cluster = (place / size + round / size) % count;
  return rank(group, cluster * size + (place % size + round % size) % size);
}

void PairwiseExchange::take(NcclProtocol protocol) {
  constexpr NcclAlgorithm ring = NcclAlgorithm::ring;
  const NcclHops hops = nccl_hops({}, ring, protocol);
  use_ = {hops.inside, hops.network, nccl_bus({}, ring, protocol, 1).factor};
  base_latency_ = ranks_ == 1 ? 0.0 : nccl_start_up(ring, protocol);
  protocol_ = name_of(protocol);
}

double PairwiseExchange::cost_per_step(const Noise& noise) const {
  constexpr double message_cost = 200;  // 0.1 ns
  return static_cast<double>(groups_ * messages_per_group()) *
         (message_cost + (noise.hop_jitter.is_none() ? 0 : jittered_message_cost));
}

PairwiseExchange::Cost PairwiseExchange::cost(std::int64_t group, std::int64_t source,
                                              std::int64_t destination,
                                              const LinkState& links) const {
  const std::int32_t from = chip(group, source), to = chip(group, destination);
  const Hop hop = fabric_.hop(use_, {from, to});
  const double slower =
      links.hop_factor(hop.tier, static_cast<std::size_t>(from), static_cast<std::size_t>(to));
  const double rate = hop.tier == Tier::scale_up ? inside_share_ * hop.bandwidth : hop.bandwidth;
  return {hop.latency, message_bytes_ / rate * slower,
          one_port_ || hop.tier == Tier::scale_up ? 0u : 1u};
}

MessageGraph PairwiseExchange::graph(std::int64_t group, const LinkState& links) const {
  MessageGraph graph{ranks_, base_latency_, {}};
  using Ports = std::array<std::vector<std::int32_t>, 2>;
  const std::vector<std::int32_t> none(static_cast<std::size_t>(ranks_), -1);
  Ports sent{none, none}, received{none, none};  // the last message on each port
  for (std::int64_t round = 1; round <= rounds_; ++round)
    for (std::int64_t place = 0; place < senders_; ++place) {
      const std::int64_t source = rank(group, place);
      const std::int64_t destination = receiver(group, round, place);
      const Cost own = cost(group, source, destination, links);
      Message m;
      m.source = static_cast<std::int32_t>(source);
      m.destination = static_cast<std::int32_t>(destination);
      m.latency = own.latency;
      m.serialization = own.gap;
      m.bytes = message_bytes_;
      m.number = (round - 1) * senders_ + place;
      std::int32_t& before = sent[own.port][static_cast<std::size_t>(source)];
      std::int32_t& ahead = received[own.port][static_cast<std::size_t>(destination)];
      if (before >= 0) m.after_send = {before};
      if (ahead >= 0) m.after_receive = {ahead};
      m.receiver_ready = ahead < 0;
      before = ahead = static_cast<std::int32_t>(graph.messages.size());
      graph.messages.push_back(std::move(m));
    }
  return graph;
}

class PairwiseTrial final : public CollectiveTrial {
 public:
  PairwiseTrial(const PairwiseExchange& exchange, const LinkState& links)
      : exchange_(exchange),
        link_(links.link.begin(), links.link.end()),
        tier_(links.tier.begin(), links.tier.end()) {}

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& how) const override {
    const std::int64_t ranks = exchange_.ranks_, senders = exchange_.senders_;
    const LinkState links{link_, tier_};
    std::array<std::vector<double>, 2> leaves, received;  // by port: when it is free, or was taken
    std::vector<double> arrival(static_cast<std::size_t>(senders));
    std::vector<std::size_t> port(arrival.size());
    for (std::int64_t group = first_group; group < last_group; ++group) {
      double* const done = finish + group * ranks;
      std::vector<double> begin(ready + group * ranks, ready + (group + 1) * ranks);
      for (double& b : begin) b += exchange_.base_latency_;
      std::copy(begin.begin(), begin.end(), done);
      leaves = received = {begin, begin};
      SpikeSequence spikes(noise, group, exchange_.messages_per_group());
      for (std::int64_t round = 1; round <= exchange_.rounds_; ++round) {
        how.check();
        for (std::int64_t place = 0; place < senders; ++place) {
          const auto p = static_cast<std::size_t>(place);
          const std::int64_t source = exchange_.rank(group, place);
          const std::int64_t destination = exchange_.receiver(group, round, place);
          const auto [latency, gap, at] = exchange_.cost(group, source, destination, links);
          double& free = leaves[at][static_cast<std::size_t>(source)];
          arrival[p] = std::max(free + latency + gap,
                                received[at][static_cast<std::size_t>(destination)] + gap);
          free += gap;
          port[p] = at;
        }
        add_row_noise(noise, spikes, group, (round - 1) * senders, arrival);
        for (std::int64_t place = 0; place < senders; ++place) {
          const auto p = static_cast<std::size_t>(place);
          const auto to = static_cast<std::size_t>(exchange_.receiver(group, round, place));
          received[port[p]][to] = arrival[p];
          done[to] = std::max(done[to], arrival[p]);
        }
      }
    }
  }

 private:
  const PairwiseExchange& exchange_;
  std::vector<double> link_, tier_;
};

std::unique_ptr<CollectiveTrial> PairwiseExchange::begin_trial(const LinkState& links) const {
  return std::make_unique<PairwiseTrial>(*this, links);
}

}  // namespace lockstep
