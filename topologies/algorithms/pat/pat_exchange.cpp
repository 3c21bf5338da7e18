#include "topologies/algorithms/pat/pat_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "topologies/wiring/nccl/hop_use.hpp"

namespace lockstep {
namespace {

constexpr NcclAlgorithm pat = NcclAlgorithm::pat;

}  // namespace

PatExchange::PatExchange(const CollectiveRequest& request)
    : ranks_(request.layout.replicas),
      groups_(request.layout.groups()),
      part_bytes_(request.bytes / static_cast<double>(ranks_)),
      scalar_time_(scalar_tree_time(request)),
      protocol_(protocol_text(request.fabric, NcclProtocol::simple)) {
  plan_rounds(request.operation == Operation::all_gather);
  PortUse use;
  if (!request.fabric.uniform()) {
    const NcclHops hops = nccl_hops({}, pat, NcclProtocol::simple);
    use = {hops.inside / nccl_table.pat_overlap, hops.network / nccl_table.pat_overlap,
           nccl_table.pat_share};
    part_latency_ = nccl_pat_part_latency();
    if (ranks_ > 1) base_latency_ = nccl_start_up(pat, NcclProtocol::simple) + part_latency_;
  }
  std::vector<Flow> flows(static_cast<std::size_t>(groups_ * ranks_));
  for (const Round& round : rounds_) {
    for (std::int64_t group = 0; group < groups_; ++group)
      for (std::int64_t rank = 0; rank < ranks_; ++rank)
        flows[static_cast<std::size_t>(chip(group, rank))] = {chip(group, rank),
                                                              chip(group, receiver(round, rank))};
    std::vector<HealthyHop>& row = hops_.emplace_back();
    row.reserve(flows.size());
    for (const Hop& hop : route(request, use, flows))
      row.push_back(
          {{hop.latency + round.parts * part_latency_, round.parts * part_bytes_ / hop.bandwidth},
           hop.tier});
  }
}

void PatExchange::plan_rounds(bool gathers) {
  std::vector<std::int64_t> distances;
  for (std::int64_t d = 1; d < ranks_; d *= 2) distances.push_back(d);
  for (const std::int64_t d : distances)
    rounds_.push_back(
        {gathers ? d : ranks_ - d, static_cast<double>((ranks_ - d - 1) / (2 * d) + 1), -1});
  if (gathers) std::ranges::reverse(rounds_);
  const auto count = static_cast<std::int64_t>(rounds_.size());
  for (std::int64_t r = 0; r < count; ++r) {
    // Distances of this round and of one before it; the part or sum goes over both, one after the
    // other, if some rank is so far away.
    const auto distance = [&](std::int64_t round) {
      return distances[static_cast<std::size_t>(gathers ? count - 1 - round : round)];
    };
    for (std::int64_t before = r - 1; before >= 0 && rounds_[static_cast<std::size_t>(r)].input < 0;
         --before)
      if (distance(r) + distance(before) < ranks_)
        rounds_[static_cast<std::size_t>(r)].input = before;
  }
}

double PatExchange::cost_per_step(const Noise& noise) const {
  constexpr double message_cost = 60;  // 0.1 ns
  return static_cast<double>(groups_ * messages_per_group()) *
         (message_cost + (noise.hop_jitter.is_none() ? 0 : jittered_message_cost));
}

std::string PatExchange::choice() const {
  return fmt::format("{}, {} round{}", protocol_, rounds_.size(), rounds_.size() == 1 ? "" : "s");
}

PatExchange::Cost PatExchange::cost(std::size_t round, std::int64_t group, std::int64_t source,
                                    const LinkState& links) const {
  const std::int32_t from = chip(group, source), to = chip(group, receiver(rounds_[round], source));
  const auto& [healthy, tier] = hops_[round][static_cast<std::size_t>(from)];
  return {healthy.latency, healthy.gap * links.hop_factor(tier, static_cast<std::size_t>(from),
                                                          static_cast<std::size_t>(to))};
}

MessageGraph PatExchange::graph(std::int64_t group, const LinkState& links) const {
  MessageGraph graph{ranks_, base_latency_, {}};
  graph.messages.resize(static_cast<std::size_t>(messages_per_group()));
  for (std::size_t round = 0; round < rounds_.size(); ++round) {
    const Round& own = rounds_[round];
    const std::int64_t row = static_cast<std::int64_t>(round) * ranks_;
    for (std::int64_t rank = 0; rank < ranks_; ++rank) {
      const std::int64_t to = receiver(own, rank);
      const Cost takes = cost(round, group, rank, links);
      Message& m = graph.messages[static_cast<std::size_t>(row + to)];
      m.source = static_cast<std::int32_t>(rank);
      m.destination = static_cast<std::int32_t>(to);
      m.latency = takes.latency;
      m.serialization = takes.gap;
      m.bytes = own.parts * part_bytes_;
      m.number = row + to;
      m.receiver_ready = round == 0;
      if (own.input >= 0) m.inputs = {static_cast<std::int32_t>(own.input * ranks_ + rank)};
      if (round == 0) continue;
      const auto sent = receiver(rounds_[round - 1], rank);
      m.after_send = {static_cast<std::int32_t>(row - ranks_ + sent)};
      m.after_receive = {static_cast<std::int32_t>(row - ranks_ + to)};
    }
  }
  return graph;
}

class PatTrial final : public CollectiveTrial {
 public:
  PatTrial(const PatExchange& exchange, const LinkState& links)
      : exchange_(exchange),
        link_(links.link.begin(), links.link.end()),
        tier_(links.tier.begin(), links.tier.end()) {}

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& how) const override {
    const std::int64_t ranks = exchange_.ranks_;
    const LinkState links{link_, tier_};
    std::vector<double> begin, free;
    std::vector<std::vector<double>> arrival(exchange_.rounds_.size());  // (rounds, ranks)
    for (std::int64_t group = first_group; group < last_group; ++group) {
      begin.assign(ready + group * ranks, ready + (group + 1) * ranks);
      for (double& b : begin) b += exchange_.base_latency_;
      free = begin;
      SpikeSequence spikes(noise, group, exchange_.messages_per_group());
      const std::vector<double>* received = &begin;
      for (std::size_t r = 0; r < exchange_.rounds_.size(); ++r) {
        how.check();
        const PatExchange::Round& round = exchange_.rounds_[r];
        const double* holds =
            round.input < 0 ? begin.data() : arrival[static_cast<std::size_t>(round.input)].data();
        arrival[r].resize(begin.size());
        for (std::int64_t rank = 0; rank < ranks; ++rank) {
          const auto from = static_cast<std::size_t>(rank);
          const auto to = static_cast<std::size_t>(exchange_.receiver(round, rank));
          const auto [latency, gap] = exchange_.cost(r, group, rank, links);
          const double start = std::max(free[from], holds[from]);
          free[from] = start + gap;
          arrival[r][to] = std::max(start + latency + gap, (*received)[to] + gap);
        }
        add_row_noise(noise, spikes, group, static_cast<std::int64_t>(r) * ranks, arrival[r]);
        received = &arrival[r];
      }
      std::copy(received->begin(), received->end(), finish + group * ranks);
    }
  }

  /// The rounds from the last to the first: from each message, and each port that sends, to the
  /// end.
  bool run_back(std::int64_t first_group, std::int64_t last_group, const double* after,
                double* cost) const override {
    const auto ranks = static_cast<std::size_t>(exchange_.ranks_);
    const LinkState links{link_, tier_};
    std::vector<double> begin, free;
    std::vector<std::vector<double>> arrival(exchange_.rounds_.size());  // (rounds, ranks)
    const auto raise = [](double& way, double to) { way = std::max(way, to); };
    for (auto group = static_cast<std::size_t>(first_group);
         group < static_cast<std::size_t>(last_group); ++group) {
      begin.assign(ranks, left_out);
      free = begin;
      for (auto& row : arrival) row = begin;
      std::copy_n(after + group * ranks, ranks,
                  (exchange_.rounds_.empty() ? begin : arrival.back()).data());
      for (std::size_t r = exchange_.rounds_.size(); r-- > 0;) {
        const PatExchange::Round& round = exchange_.rounds_[r];
        std::vector<double>& received = r == 0 ? begin : arrival[r - 1];
        std::vector<double>& holds =
            round.input < 0 ? begin : arrival[static_cast<std::size_t>(round.input)];
        for (std::size_t from = 0; from < ranks; ++from) {
          const auto to =
              static_cast<std::size_t>(exchange_.receiver(round, static_cast<std::int64_t>(from)));
          const auto [latency, gap] = exchange_.cost(r, static_cast<std::int64_t>(group),
                                                     static_cast<std::int64_t>(from), links);
          const double start = std::max(arrival[r][to] + gap + latency, free[from] + gap);
          raise(received[to], arrival[r][to] + gap);
          raise(holds[from], start);
          free[from] = start;
        }
      }
      for (std::size_t rank = 0; rank < ranks; ++rank)
        cost[group * ranks + rank] = std::max(begin[rank], free[rank]) + exchange_.base_latency_;
    }
    return true;
  }

 private:
  const PatExchange& exchange_;
  std::vector<double> link_, tier_;
};

std::unique_ptr<CollectiveTrial> PatExchange::begin_trial(const LinkState& links) const {
  return std::make_unique<PatTrial>(*this, links);
}

}  // namespace lockstep
