#include "topologies/ring.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include "topologies/algorithms/noise_free_time.hpp"
#include "topologies/algorithms/pairwise/pairwise_exchange.hpp"
#include "topologies/algorithms/ring/latest/rings_latest.hpp"
#include "topologies/algorithms/ring/ring_laps.hpp"
#include "topologies/algorithms/ring/ring_wiring.hpp"
#include "topologies/kind.hpp"
#include "topologies/wiring/nccl/hop_use.hpp"

namespace lockstep {
namespace {

/// Hops of some rings, (rings, ranks) in ring order; rings are the channels of group after group.
struct RingHops {
  std::vector<double> latency, gap;  ///< latency with serialization
};

/// Some rings on their hops.
struct RingSet {
  RingHops hops;
  std::vector<RingLaps> rings;
};

class Ring final : public Collective {
 public:
  explicit Ring(const CollectiveRequest& request)
      : shared_(wiring_of(request)),
        wiring_(*shared_),
        ranks_(wiring_.ranks()),
        groups_(wiring_.groups()),
        bytes_(request.bytes),
        scalar_time_(scalar_tree_time(request)) {
    choose_protocol(request);
    choose_method(request);
  }

  int links_per_chip() const override { return 1; }
  std::int64_t groups_per_call() const override { return 1; }
  std::int64_t rows() const { return method_.laps * (ranks_ - 1); }
  std::int64_t messages_per_group() const override {
    return std::ranges::max(wiring_.channels()) * rows() * ranks_;
  }
  double cost_per_step(const Noise& noise) const override {
    return static_cast<double>(wiring_.rings()) * RingLaps::cost(method_, ranks_, noise);
  }
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string warning() const override { return method_.warning; }
  bool extrapolated() const override { return false; }
  std::string choice() const override {
    return fmt::format("{}, {}, {}", protocol_, count_text(wiring_.channels(), "channel"),
                       method_.why);
  }

  /// Hops of some groups under a trial's slow links: a slow NIC slows the network hops into and out
  /// of it.
  RingHops hops(std::span<const std::int64_t> groups, const LinkState& links) const {
    RingHops hops;
    for (std::int64_t group : groups) {
      const std::vector<Hop> costs = hops_of(group);
      for (std::int64_t channel = 0; channel < wiring_.channels(group); ++channel) {
        std::int32_t before = wiring_.chip(group, channel, ranks_ - 1);
        std::int64_t position = 0;
        for (std::int32_t wire : wiring_.pattern_on(wiring_.ring(group, channel))) {
          const Hop& hop = costs[static_cast<std::size_t>(wire)];
          const std::int32_t here = wiring_.chip(group, channel, position++);
          hops.gap.push_back(message_bytes(group) / hop.bandwidth *
                             links.hop_factor(hop.tier, static_cast<std::size_t>(before),
                                              static_cast<std::size_t>(here)));
          hops.latency.push_back(hop.latency + hops.gap.back());
          before = here;
        }
      }
    }
    return hops;
  }

  RingSet rings_of(std::span<const std::int64_t> groups, const LinkState& links) const {
    RingSet set{hops(groups, links), {}};
    const double *latency = set.hops.latency.data(), *gap = set.hops.gap.data();
    for (std::int64_t group : groups)
      for (std::int64_t channel = 0; channel < wiring_.channels(group);
           ++channel, latency += ranks_, gap += ranks_)
        set.rings.emplace_back(method_, static_cast<std::size_t>(wiring_.ring(group, channel)),
                               latency, gap, ranks_);
    return set;
  }

  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;

  MessageGraph graph(std::int64_t group, const LinkState& links) const override {
    const RingHops costs = hops({&group, 1}, links);
    MessageGraph graph{ranks_, start_up(group), {}};
    for (std::int64_t channel = 0; channel < wiring_.channels(group); ++channel)
      for (std::int64_t k = 1; k <= rows(); ++k)
        for (std::int64_t i = 0; i < ranks_; ++i) {
          const auto at = static_cast<std::size_t>(channel * ranks_ + i);
          const std::int64_t before = (i + ranks_ - 1) % ranks_;
          Message m;
          m.source = wiring_.rank(group, channel, before);
          m.destination = wiring_.rank(group, channel, i);
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

  static std::shared_ptr<const RingWiring> wiring_of(const CollectiveRequest& request) {
    const auto* like = dynamic_cast<const Ring*>(request.like);
    return like ? like->shared_ : std::make_shared<const RingWiring>(request);
  }

  /// Rings that are alike on healthy links, in hops and start-up: one of them stands for all.
  struct Course {
    std::int64_t group, ring;
  };

  const RingSet& healthy() const {
    std::call_once(once_, [&] { healthy_ = courses_on_healthy_links(); });
    return healthy_;
  }
  /// (courses)
  RingSet courses_on_healthy_links() const {
    RingSet set;
    set.hops = course_hops();
    for (std::size_t c = 0; c < set.hops.latency.size(); ++c)
      set.hops.latency[c] += set.hops.gap[c];
    const double *latency = set.hops.latency.data(), *gap = set.hops.gap.data();
    for (const Course& course : courses_) {
      set.rings.emplace_back(method_, static_cast<std::size_t>(course.ring), latency, gap, ranks_);
      latency += ranks_;
      gap += ranks_;
    }
    return set;
  }
  /// (courses, ranks), latency without serialization.
  RingHops course_hops() const {
    RingHops hops;
    for (auto* array : {&hops.latency, &hops.gap})
      array->reserve(courses_.size() * static_cast<std::size_t>(ranks_));
    for (const Course& course : courses_) {
      const std::vector<Hop> costs = hops_of(course.group);
      for (std::int32_t wire : wiring_.pattern_on(course.ring)) {
        const Hop& hop = costs[static_cast<std::size_t>(wire)];
        hops.latency.push_back(hop.latency);
        hops.gap.push_back(message_bytes(course.group) / hop.bandwidth);
      }
    }
    return hops;
  }
  /// (wires)
  std::vector<Hop> hops_of(std::int64_t group) const {
    std::vector<Hop> hops;
    for (const Wire& wire : wiring_.wires())
      hops.push_back(hop_on(wire, uses_[static_cast<std::size_t>(group)]));
    return hops;
  }
  std::vector<std::int64_t> all_groups() const {
    std::vector<std::int64_t> groups(static_cast<std::size_t>(groups_));
    std::iota(groups.begin(), groups.end(), 0);
    return groups;
  }

  double start_up(std::int64_t group) const { return start_up_[static_cast<std::size_t>(group)]; }
  double message_bytes(std::int64_t group) const {
    return bytes_ / static_cast<double>(wiring_.channels(group) * ranks_);
  }

  /// Takes the protocol of least noise-free time.
  void choose_protocol(const CollectiveRequest& request) {
    const std::span<const NcclProtocol> open = open_protocols(request.fabric);
    const std::vector<NcclGroup> seen = nccl_groups(request);
    std::vector<NcclChannels> opened;
    for (std::int64_t group = 0; group < groups_; ++group)
      opened.push_back(nccl_ring_channels(request, group, wiring_.channels(group)));
    const auto take = [&](NcclProtocol protocol) {
      protocol_ = protocol_text(request.fabric, protocol);
      uses_.assign(seen.size(), {});
      start_up_.assign(seen.size(), 0.0);
      if (!request.fabric.uniform())
        for (std::size_t g = 0; g < seen.size(); ++g) {
          const NcclUse use = nccl_ring_use(seen[g], request.operation, protocol, opened[g],
                                            wiring_.channels()[g], bytes_);
          uses_[g] = use.ports;
          if (ranks_ > 1) start_up_[g] = use.start_up;
        }
      find_courses();
    };
    const std::size_t best = fastest(open.size(), [&](std::size_t protocol) {
      take(open[protocol]);
      return noise_free_time();
    });
    take(open[best]);
  }

  void find_courses() {
    std::map<std::pair<std::size_t, std::int64_t>, std::size_t> known;  // by pattern and twin
    courses_.clear();
    course_of_.clear();
    std::vector<std::int64_t> twins;  // groups whose hops cost the same on the same wires
    for (std::int64_t group = 0; group < groups_; ++group) {
      const auto twin =
          std::ranges::find_if(twins, [&](std::int64_t other) { return cost_alike(group, other); });
      const std::int64_t like = twin == twins.end() ? group : *twin;
      if (like == group) twins.push_back(group);
      for (std::int64_t channel = 0; channel < wiring_.channels(group); ++channel) {
        const std::int64_t ring = wiring_.ring(group, channel);
        const auto [place, is_new] =
            known.try_emplace({wiring_.pattern_of(ring), like}, courses_.size());
        if (is_new) courses_.push_back({group, ring});
        course_of_.push_back(place->second);
      }
    }
  }
  bool cost_alike(std::int64_t a, std::int64_t b) const {
    return wiring_.channels(a) == wiring_.channels(b) && start_up(a) == start_up(b) &&
           uses_[static_cast<std::size_t>(a)] == uses_[static_cast<std::size_t>(b)];
  }

  /// Until the last rank has finished, all ready at 0 [s].
  double noise_free_time() const {
    const RingSet set = courses_on_healthy_links();
    SpikeSequence none({}, 0, 0);
    RingLaps::Scratch scratch;
    double latest = 0;
    for (std::size_t c = 0; c < courses_.size(); ++c) {
      std::vector<double> state(static_cast<std::size_t>(ranks_), start_up(courses_[c].group));
      set.rings[c].run({}, none, 0, 0, state, scratch, 1);
      latest = std::max(latest, std::ranges::max(state));
    }
    return latest;
  }

  void choose_method(const CollectiveRequest& request) {
    const RingHops hops = course_hops();
    const auto ranks = static_cast<std::size_t>(ranks_);
    std::vector<RingHopSpan> rings;
    for (std::size_t course : course_of_)
      rings.push_back({{hops.latency.data() + course * ranks, ranks},
                       {hops.gap.data() + course * ranks, ranks}});
    method_ = resolve_ring_method(request, rings);
  }

  std::shared_ptr<const RingWiring> shared_;
  const RingWiring& wiring_;
  std::int64_t ranks_, groups_;
  double bytes_, scalar_time_;
  std::string protocol_;
  std::vector<PortUse> uses_;     // (groups)
  std::vector<double> start_up_;  // (groups) [s]
  std::vector<Course> courses_;
  std::vector<std::size_t> course_of_;  // (rings)
  RingMethod method_;
  // Courses that trials share, on healthy links; made when the first trial asks.
  mutable std::once_flag once_;
  mutable RingSet healthy_;
};

class RingTrial final : public CollectiveTrial {
 public:
  /// `groups` on rings of their own, the others on those of `healthy`.
  RingTrial(const Ring& ring, std::span<const std::int64_t> groups, const LinkState& links,
            const RingSet* healthy)
      : ring_(ring), own_(ring.rings_of(groups, links)) {
    if (healthy)
      for (std::size_t course : ring.course_of_) rings_.push_back(&healthy->rings[course]);
    rings_.resize(ring.course_of_.size());
    const RingLaps* own = own_.rings.data();
    for (std::int64_t group : groups)
      for (std::int64_t channel = 0; channel < wiring().channels(group); ++channel)
        rings_[static_cast<std::size_t>(wiring().ring(group, channel))] = own++;
  }

  void run(const MessageNoise& noise, std::int64_t first_group, std::int64_t last_group,
           const double* ready, double* finish, const Execution& how) const override {
    RingLaps::Scratch scratch;
    for (std::int64_t group = first_group; group < last_group; ++group) {
      SpikeSequence spikes(noise, group, ring_.messages_per_group());
      const bool is_quiet = !noise.hop_jitter && spikes.done();
      over_channels(group, ready, finish, is_quiet,
                    [&](std::int64_t channel, std::span<double> state) {
                      laps(group, channel)
                          .run(noise, spikes, group, channel * ring_.rows() * ring_.ranks_, state,
                               scratch, how);
                    });
    }
  }

  bool run_back(std::int64_t first_group, std::int64_t last_group, const double* after,
                double* cost) const override {
    RingLaps::Scratch scratch;
    for (std::int64_t group = first_group; group < last_group; ++group)
      over_channels(group, after, cost, true, [&](std::int64_t channel, std::span<double> state) {
        laps(group, channel).run_back(state, scratch);
      });
    return true;
  }

  std::unique_ptr<LatestFinish> latest_finish(const double* after) const override {
    std::vector<std::vector<RingChannel>> groups(static_cast<std::size_t>(ring_.groups_));
    for (std::int64_t group = 0; group < ring_.groups_; ++group)
      for (std::int64_t channel = 0; channel < wiring().channels(group); ++channel)
        groups[static_cast<std::size_t>(group)].push_back(
            {&laps(group, channel), wiring().order(group, channel).data(), ring_.start_up(group)});
    return std::make_unique<RingsLatest>(*this, std::move(groups), ring_.ranks_,
                                         ring_.messages_per_group(), after);
  }

 private:
  const RingWiring& wiring() const { return ring_.wiring_; }
  const RingLaps& laps(std::int64_t group, std::int64_t channel) const {
    return *rings_[static_cast<std::size_t>(wiring().ring(group, channel))];
  }

  /// `all_to` the latest of `all_from` and what go(channel, state) makes of it, in ring order, on
  /// each channel. Without noise, where all are ready alike, channels on like hops go once.
  template <class Go>
  void over_channels(std::int64_t group, const double* all_from, double* all_to, bool is_quiet,
                     const Go& go) const {
    const double* from = all_from + group * ring_.ranks_;
    double* to = all_to + group * ring_.ranks_;
    std::copy(from, from + ring_.ranks_, to);
    std::vector<double> state(static_cast<std::size_t>(ring_.ranks_));
    const RingLaps* gone = nullptr;  // from all ready alike to `state`
    const bool is_even = is_quiet && std::count(from, from + ring_.ranks_, *from) == ring_.ranks_;
    for (std::int64_t channel = 0; channel < wiring().channels(group); ++channel) {
      const std::span<const std::int32_t> order = wiring().order(group, channel);
      if (gone != &laps(group, channel)) {
        for (std::size_t i = 0; i < state.size(); ++i)
          state[i] = from[order[i]] + ring_.start_up(group);
        go(channel, state);
        if (is_even) gone = &laps(group, channel);
      }
      for (std::size_t i = 0; i < state.size(); ++i) {
        double& done = to[order[i]];
        done = std::max(done, state[i]);
      }
    }
  }

  const Ring& ring_;
  RingSet own_;
  std::vector<const RingLaps*> rings_;
};

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
