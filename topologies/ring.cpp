#include "topologies/ring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <numeric>

#include "topologies/algorithms/noise_free_time.hpp"
#include "topologies/algorithms/pairwise/pairwise_exchange.hpp"
#include "topologies/algorithms/ring/ring_laps.hpp"
#include "topologies/kind.hpp"
#include "topologies/wiring/nccl/hop_use.hpp"
#include "topologies/wiring/switched_fabric.hpp"

namespace lockstep {
namespace {

/// Hops of some rings, (rings, ranks) in ring order; rings are the channels of group after group.
struct RingHops {
  std::vector<double> latency, gap;  ///< latency with serialization
};

/// The rings of some groups on their hops.
struct RingSet {
  RingHops hops;
  std::vector<RingLaps> rings;
};

class Ring final : public Collective {
 public:
  explicit Ring(const CollectiveRequest& request)
      : ranks_(request.layout.replicas),
        groups_(request.layout.groups()),
        channels_(resolve_channels(request)),
        bytes_(request.bytes),
        scalar_time_(scalar_tree_time(request)) {
    first_ring_.push_back(0);
    for (std::int64_t channels : channels_) first_ring_.push_back(first_ring_.back() + channels);
    lay_out_channels(request.layout);
    std::vector<Flow> flows;
    flows.reserve(order_.size());
    for (std::int64_t group = 0; group < groups_; ++group)
      for (std::int64_t channel = 0; channel < channels(group); ++channel)
        for (std::int64_t i = 0; i < ranks_; ++i)
          flows.push_back({chip(group, channel, (i + ranks_ - 1) % ranks_), chip(group, channel, i),
                           static_cast<double>(channels(group)), static_cast<std::size_t>(group)});
    share_nics(request, flows);
    choose_protocol(request, flows);
    const auto ranks = static_cast<std::size_t>(ranks_);
    std::vector<RingHopSpan> rings;
    for (std::size_t first = 0; first < gap_.size(); first += ranks)
      rings.push_back({{latency_.data() + first, ranks}, {gap_.data() + first, ranks}});
    method_ = resolve_ring_method(request, rings);
  }

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t rows() const { return method_.laps * (ranks_ - 1); }
  std::int64_t messages_per_group() const override {
    return std::ranges::max(channels_) * rows() * ranks_;
  }
  double cost_per_step(const Noise& noise) const override {
    return static_cast<double>(rings()) * RingLaps::cost(method_, ranks_, noise);
  }
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string warning() const override { return method_.warning; }
  bool extrapolated() const override { return false; }
  std::string choice() const override {
    return fmt::format("{}, {}, {}", protocol_, count_text(channels_, "channel"), method_.why);
  }

  /// Hops of some groups under a trial's slow links: a slow NIC slows the network hops into and out
  /// of it.
  RingHops hops(std::span<const std::int64_t> groups, const LinkState& links) const {
    const bool healthy = links.link.empty() && links.tier.empty();
    RingHops hops;
    std::int64_t count = 0;
    for (std::int64_t group : groups) count += channels(group) * ranks_;
    for (auto* array : {&hops.latency, &hops.gap}) array->reserve(static_cast<std::size_t>(count));
    for (std::int64_t group : groups)
      for (std::int64_t channel = 0; channel < channels(group); ++channel)
        for (std::int64_t i = 0; i < ranks_; ++i) {
          const auto at = static_cast<std::size_t>(index(group, channel, i));
          const auto factor = [&] {
            return links.hop_factor(
                tier_[at], static_cast<std::size_t>(chip(group, channel, (i > 0 ? i : ranks_) - 1)),
                static_cast<std::size_t>(chip(group, channel, i)));
          };
          const double gap = healthy ? gap_[at] : gap_[at] * factor();
          hops.gap.push_back(gap);
          hops.latency.push_back(latency_[at] + gap);
        }
    return hops;
  }

  RingSet rings_of(std::span<const std::int64_t> groups, const LinkState& links) const {
    RingSet set{hops(groups, links), {}};
    const double *latency = set.hops.latency.data(), *gap = set.hops.gap.data();
    for (std::int64_t group : groups)
      for (std::int64_t channel = 0; channel < channels(group);
           ++channel, latency += ranks_, gap += ranks_)
        set.rings.emplace_back(method_, static_cast<std::size_t>(ring(group, channel)), latency,
                               gap, ranks_);
    return set;
  }

  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;

  MessageGraph graph(std::int64_t group, const LinkState& links) const override {
    const RingHops costs = hops({&group, 1}, links);
    MessageGraph graph{ranks_, start_up(group), {}};
    for (std::int64_t channel = 0; channel < channels(group); ++channel)
      for (std::int64_t k = 1; k <= rows(); ++k)
        for (std::int64_t i = 0; i < ranks_; ++i) {
          const auto at = static_cast<std::size_t>(channel * ranks_ + i);
          const std::int64_t before = (i + ranks_ - 1) % ranks_;
          Message m;
          m.source = rank(group, channel, before);
          m.destination = rank(group, channel, i);
          m.serialization = costs.gap[at];
          m.latency = costs.latency[at] - costs.gap[at];
          m.bytes = message_bytes(group);
          m.number = (channel * rows() + k - 1) * ranks_ + i;
          m.receiver_ready = k == 1;
          if (k > 1) {
            const auto row = static_cast<std::int32_t>((channel * rows() + k - 2) * ranks_);
            m.inputs = {row + static_cast<std::int32_t>(before)};
            m.after_send = {row + static_cast<std::int32_t>(i)};
            m.after_receive = {row + static_cast<std::int32_t>(i)};
          }
          graph.messages.push_back(std::move(m));
        }
    return graph;
  }

 private:
  friend class RingTrial;

  /// Healthy ones, not kept.
  std::unique_ptr<CollectiveTrial> on_own_rings() const;
  const RingSet& healthy() const {
    std::call_once(once_, [&] { healthy_ = rings_of(all_groups(), {}); });
    return healthy_;
  }
  std::vector<std::int64_t> all_groups() const {
    std::vector<std::int64_t> groups(static_cast<std::size_t>(groups_));
    std::iota(groups.begin(), groups.end(), 0);
    return groups;
  }

  std::int64_t rings() const { return first_ring_.back(); }
  std::int64_t channels(std::int64_t group) const {
    return channels_[static_cast<std::size_t>(group)];
  }
  double start_up(std::int64_t group) const { return start_up_[static_cast<std::size_t>(group)]; }
  double message_bytes(std::int64_t group) const {
    return bytes_ / static_cast<double>(channels(group) * ranks_);
  }
  std::int64_t ring(std::int64_t group, std::int64_t channel) const {
    return first_ring_[static_cast<std::size_t>(group)] + channel;
  }
  std::int64_t index(std::int64_t group, std::int64_t channel, std::int64_t position) const {
    return ring(group, channel) * ranks_ + position;
  }
  std::int32_t rank(std::int64_t group, std::int64_t channel, std::int64_t position) const {
    return order_[static_cast<std::size_t>(index(group, channel, position))];
  }
  std::int32_t chip(std::int64_t group, std::int64_t channel, std::int64_t position) const {
    return static_cast<std::int32_t>(group * ranks_) + rank(group, channel, position);
  }

  /// Channel c visits each scale-up domain from its c-th rank on, so that every NIC carries one.
  void lay_out_channels(const Layout& layout) {
    order_.reserve(static_cast<std::size_t>(rings() * ranks_));
    for (std::int64_t group = 0; group < groups_; ++group) {
      const DomainClusters clusters = domain_clusters(layout, group);
      for (std::int64_t channel = 0; channel < channels(group); ++channel)
        for (std::int32_t c = 0; c < clusters.count(); ++c)
          for (std::int32_t place = 0; place < clusters.size(c); ++place)
            order_.push_back(clusters.member(c, place + channel));
    }
  }

  /// Takes the protocol of least noise-free time.
  void choose_protocol(const CollectiveRequest& request, const std::vector<Flow>& flows) {
    const std::span<const NcclProtocol> open = open_protocols(request.fabric);
    seen_ = nccl_groups(request);
    for (std::int64_t group = 0; group < groups_; ++group)
      opened_.push_back(nccl_ring_channels(request, group, channels(group)));
    const std::size_t best = fastest(open.size(), [&](std::size_t protocol) {
      take(open[protocol], request, flows);
      return noise_free_time(*on_own_rings(), groups_, ranks_);
    });
    take(open[best], request, flows);
  }

  void take(NcclProtocol protocol, const CollectiveRequest& request,
            const std::vector<Flow>& flows) {
    std::vector<PortUse> uses;
    start_up_.clear();
    for (std::int64_t group = 0; group < groups_; ++group) {
      const auto g = static_cast<std::size_t>(group);
      const NcclUse use =
          nccl_ring_use(seen_[g], request.operation, protocol, opened_[g], channels(group), bytes_);
      uses.push_back(use.ports);
      start_up_.push_back(request.fabric.uniform() || ranks_ == 1 ? 0.0 : use.start_up);
    }
    const std::vector<Hop> hops = route(request, uses, flows);
    protocol_ = protocol_text(request.fabric, protocol);
    latency_.clear();
    gap_.clear();
    tier_.clear();
    auto hop = hops.begin();
    for (std::int64_t group = 0; group < groups_; ++group)
      for (std::int64_t i = 0; i < channels(group) * ranks_; ++i, ++hop) {
        latency_.push_back(hop->latency);
        gap_.push_back(message_bytes(group) / hop->bandwidth);
        tier_.push_back(hop->tier);
      }
  }

  std::int64_t ranks_, groups_;
  std::vector<std::int64_t> channels_, first_ring_;  // by group; last: all rings
  double bytes_, scalar_time_;
  std::string protocol_;
  std::vector<NcclGroup> seen_;        // (groups)
  std::vector<NcclChannels> opened_;   // (groups) by NCCL
  std::vector<double> start_up_;       // (groups) [s]
  std::vector<std::int32_t> order_;    // (rings, ranks): position -> rank
  std::vector<double> latency_, gap_;  // of the hop into each position, without slow links
  std::vector<Tier> tier_;
  RingMethod method_;
  // Rings that trials share, on healthy links; made when the first trial asks.
  mutable std::once_flag once_;
  mutable RingSet healthy_;
};

class RingTrial final : public CollectiveTrial {
 public:
  /// `groups` on rings of their own, the others on those of `healthy`.
  RingTrial(const Ring& ring, std::span<const std::int64_t> groups, const LinkState& links,
            const RingSet* healthy)
      : ring_(ring),
        own_(ring.rings_of(groups, links)),
        rings_(static_cast<std::size_t>(ring.rings())) {
    if (healthy)
      for (std::size_t r = 0; r < rings_.size(); ++r) rings_[r] = &healthy->rings[r];
    const RingLaps* own = own_.rings.data();
    for (std::int64_t group : groups)
      for (std::int64_t channel = 0; channel < ring.channels(group); ++channel)
        rings_[static_cast<std::size_t>(ring.ring(group, channel))] = own++;
  }

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& how) const override {
    RingLaps::Scratch scratch;
    for (std::int64_t group = first_group; group < last_group; ++group) {
      SpikeSequence spikes(noise, group, ring_.messages_per_group());
      over_channels(group, ready, finish, [&](std::int64_t channel, std::span<double> state) {
        laps(group, channel)
            .run(noise, spikes, group, channel * ring_.rows() * ring_.ranks_, state, scratch, how);
      });
    }
  }

  bool run_back(std::int64_t first_group, std::int64_t last_group, const double* after,
                double* cost) const override {
    RingLaps::Scratch scratch;
    for (std::int64_t group = first_group; group < last_group; ++group)
      over_channels(group, after, cost, [&](std::int64_t channel, std::span<double> state) {
        laps(group, channel).run_back(state, scratch);
      });
    return true;
  }

 private:
  const RingLaps& laps(std::int64_t group, std::int64_t channel) const {
    return *rings_[static_cast<std::size_t>(ring_.ring(group, channel))];
  }

  /// `all_to` the latest of `all_from` and what go(channel, state) makes of it, in ring order, on
  /// each channel.
  template <class Go>
  void over_channels(std::int64_t group, const double* all_from, double* all_to,
                     const Go& go) const {
    const double* from = all_from + group * ring_.ranks_;
    double* to = all_to + group * ring_.ranks_;
    std::copy(from, from + ring_.ranks_, to);
    std::vector<double> state(static_cast<std::size_t>(ring_.ranks_));
    for (std::int64_t channel = 0; channel < ring_.channels(group); ++channel) {
      for (std::size_t i = 0; i < state.size(); ++i)
        state[i] =
            from[ring_.rank(group, channel, static_cast<std::int64_t>(i))] + ring_.start_up(group);
      go(channel, state);
      for (std::size_t i = 0; i < state.size(); ++i) {
        double& done = to[ring_.rank(group, channel, static_cast<std::int64_t>(i))];
        done = std::max(done, state[i]);
      }
    }
  }

  const Ring& ring_;
  RingSet own_;
  std::vector<const RingLaps*> rings_;
};

std::unique_ptr<CollectiveTrial> Ring::on_own_rings() const {
  return std::make_unique<RingTrial>(*this, all_groups(), LinkState{}, nullptr);
}

/// Congestion changes all rings.
std::unique_ptr<CollectiveTrial> Ring::begin_trial(const LinkState& links) const {
  const bool all = !links.tier.empty();
  return std::make_unique<RingTrial>(*this, all ? all_groups() : slowed_groups(links.link, ranks_),
                                     links, all ? nullptr : &healthy());
}

std::span<const Parameter> ring_parameters() {
  static const std::vector<Parameter> rows{channels_parameter(), method_parameter()};
  return rows;
}

std::unique_ptr<Collective> make_ring(const CollectiveRequest& request) {
  if (request.operation == Operation::all_to_all || request.operation == Operation::send)
    return std::make_unique<PairwiseExchange>(request);
  return std::make_unique<Ring>(request);
}

}  // namespace

const TopologyKind ring_topology{
    .name = "ring",
    .summary = "flat ring over all ranks of a group, on a switched fabric",
    .source = "Patarasu and Yuan (2009); NCCL 2.30 latencies",
    .parameters = ring_parameters(),
    .usable_replicas = any_replicas,
    .make = make_ring,
    .operations = all_operations,
    .is_local = true,
};

}  // namespace lockstep
