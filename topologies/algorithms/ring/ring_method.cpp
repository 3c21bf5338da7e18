#include "topologies/algorithms/ring/ring_method.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"
#include "engine/base/error.hpp"
#include "topologies/algorithms/ring/ring_laps.hpp"
#include "topologies/algorithms/ring/ring_rows.hpp"

namespace lockstep {
namespace {

// Where fast beats exact, and where its treatment of jitter was compared with exact.
constexpr std::size_t least_ranks = 32, least_ranks_with_jitter = 1024,
                      most_ranks_with_jitter = 131072;
constexpr double most_spikes = 1e-3;  // per message
// Of jitter, of its mean squared. Two laps: lognormal, sigma 1. In one, with which 16,384 ranks are
// 0.6 % off, gamma of shape 0.7.
constexpr double largest_variance[] = {1.43, 1.72};
constexpr double most_spikes_with_jitter = 50;  // expected in a ring
constexpr double smallest_spike = 10;           // mean, of the mean jitter
constexpr std::size_t most_calibrations = 4;

std::size_t fewest_ranks(std::span<const RingHopSpan> rings) {
  std::size_t fewest = rings[0].ranks();
  for (const RingHopSpan& ring : rings) fewest = std::min(fewest, ring.ranks());
  return fewest;
}

/// Why auto does not take the fast method, which is not verified there; empty if it does.
std::string obstacle(const Noise& noise, std::span<const RingHopSpan> rings, int laps) {
  const std::size_t ranks = fewest_ranks(rings);
  if (ranks < least_ranks) return "few ranks";
  if (noise.spike_probability > most_spikes) return "spikes are dense";
  const Distribution& jitter = noise.hop_jitter.law();
  if (jitter.is_constant()) return "";  // a longer hop, exactly
  if (ranks < least_ranks_with_jitter) return "jitter on few ranks";
  if (!(jitter.variance() <= largest_variance[laps - 1] * jitter.mean() * jitter.mean()))
    return "jitter is heavy-tailed";
  double latency = 0, hops = 0, most_ranks = 0;
  for (const RingHopSpan& ring : rings) {
    for (double l : ring.latency) latency += l;
    hops += static_cast<double>(ring.ranks());
    most_ranks = std::max(most_ranks, static_cast<double>(ring.ranks()));
  }
  if (most_ranks > most_ranks_with_jitter) return "jitter on more ranks than were compared";
  if (jitter.mean() > latency / hops * (1 + 1e-9))  // the sum's rounding
    return fmt::format("jitter is above the mean hop latency, {:.3g} us", 1e6 * latency / hops);
  if (noise.spike_probability > 0 && noise.spike_delay.mean() < smallest_spike * jitter.mean())
    return "spikes are as small as jitter adds up to";
  if (noise.spike_probability * laps * most_ranks * most_ranks > most_spikes_with_jitter)
    return "jitter and many spikes";
  if (noise.slow_link_fraction > 0 || noise.link_episodes.on() || noise.congestion.on())
    return "jitter on slow links";
  return "";
}

/// That the longest ring takes more than a tenth of a second, a hundred times what fast takes,
/// where fast can be asked for.
std::string cost_warning(const RingMethod& exact, const std::string& why, const Noise& noise,
                         std::span<const RingHopSpan> rings) {
  constexpr double least_cost = 1e9, least_factor = 100;  // 0.1 ns
  if (!noise.hop_jitter.law().is_constant() && fewest_ranks(rings) < least_ranks_with_jitter)
    return "";
  std::size_t most = 0;
  for (const RingHopSpan& ring : rings) most = std::max(most, ring.ranks());
  const auto ranks = static_cast<std::int64_t>(most);
  RingMethod fast = exact;
  fast.fast = true;
  const double cost = RingLaps::cost(exact, ranks, noise);
  const double factor = cost / RingLaps::cost(fast, ranks, noise);
  if (cost < least_cost || factor < least_factor) return "";
  return fmt::format(
      "rings of {} ranks are computed message by message ({}), which takes about {:.2g} times as "
      "long as topology.method = fast, whose error there was not measured.",
      ranks, why, factor);
}

/// Rows of a ring of these hops, latencies shifted, on average [s].
struct Measured {
  double pace = 0;            ///< of the last rank to finish, a row
  double last = 0, mean = 0;  ///< excess over a row without jitter, of the last rank and of all
  double sd = 0;              ///< of a row, of the last
};

Measured measure(const MessageJitter& jitter, int laps, std::span<const double> latency,
                 std::span<const double> gap, std::uint32_t repetitions, double shift = 0) {
  constexpr std::uint64_t seed = 20260101;
  const auto ranks = static_cast<std::int64_t>(gap.size());
  const std::int64_t rows = laps * (ranks - 1);
  std::vector<double> hop(gap.begin(), gap.end());
  double around = 0;
  for (std::size_t i = 0; i < hop.size(); ++i) around += hop[i] += latency[i] + shift;
  const RingRows ring(hop.data(), gap.data(), ranks);
  double last = 0, squares = 0, all = 0;
  for (std::uint32_t r = 0; r < repetitions; ++r) {
    MessageNoise noise;
    noise.jitter = Stream{seed, purpose::effective_hop, r};
    noise.hop_jitter = &jitter;
    SpikeSequence none(noise, 0, 0);
    std::vector<double> state(hop.size(), 0.0);
    ring.run(noise, none, 0, 0, rows, state);
    const double pace = *std::max_element(state.begin(), state.end()) / static_cast<double>(rows);
    last += pace / repetitions;
    squares += pace * pace / repetitions;
    for (double finish : state) all += finish / static_cast<double>(rows * ranks * repetitions);
  }
  const double quiet =
      std::max(around / static_cast<double>(ranks), *std::max_element(gap.begin(), gap.end()));
  return {last, last - quiet, all - quiet,
          std::sqrt(std::max(0.0, squares - last * last) * repetitions / (repetitions - 1))};
}

RingDetours detours_of(const MessageJitter& jitter, int laps, std::span<const double> latency,
                       std::span<const double> gap) {
  constexpr std::uint32_t repetitions = 8;
  const auto ranks = static_cast<double>(gap.size());
  double delay = 0, hop = 0;
  for (std::size_t i = 0; i < gap.size(); ++i) {
    delay += latency[i] / ranks;
    hop += (latency[i] + gap[i]) / ranks;
  }
  const double wait = *std::max_element(gap.begin(), gap.end()), pace = std::max(hop, wait);
  RingDetours detours{pace - hop, pace - wait, {}};
  const double level = measure(jitter, laps, latency, gap, repetitions).pace;
  for (double shift : {-0.9, -0.5, -0.25, -0.1, 0.1, 0.25, 0.5, 1.0, 3.0})
    detours.tilts.push_back(
        {shift * delay,
         measure(jitter, laps, latency, gap, repetitions, shift * delay).pace - level});
  return detours;
}

/// The pace of a ring of `ranks` whose hops begin like these, from two smaller ones.
RingPace pace_at(double ranks, const MessageJitter& jitter, int laps,
                 std::span<const double> latency, std::span<const double> gap) {
  constexpr std::size_t small = 256, large = 1024;
  const auto power = [](double n) { return elementary::exp(elementary::log(n) * (-2.0 / 3)); };
  const Measured a = measure(jitter, laps, latency.first(small), gap.first(small), 64);
  const Measured b = measure(jitter, laps, latency.first(large), gap.first(large), 32);
  const auto at = [&](double n, double from_small, double from_large) {
    return from_large +
           (from_small - from_large) * (power(n) - power(large)) / (power(small) - power(large));
  };
  const double rows = laps * (ranks - 1), excess = at(ranks, a.last, b.last);
  const RingDetours detours = detours_of(jitter, laps, latency.first(large), gap.first(large));
  RingPace pace{excess, rows * (a.sd / power(small) + b.sd / power(large)) / 2 * power(ranks),
                *std::max_element(gap.begin(), gap.end()), detours};
  pace.detours.pinned = rows / 2 * std::max(0.0, excess - at(ranks / 2, a.mean, b.mean));
  return pace;
}

/// Measures each different ring; false where there are too many.
bool calibrate(RingMethod& method, const MessageJitter& jitter,
               std::span<const RingHopSpan> rings) {
  std::vector<std::size_t> measured;
  for (std::size_t r = 0; r < rings.size(); ++r) {
    const auto latency = rings[r].latency.first(least_ranks_with_jitter);
    const auto gap = rings[r].gap.first(least_ranks_with_jitter);
    const auto same = std::find_if(measured.begin(), measured.end(), [&](std::size_t other) {
      return rings[other].ranks() == rings[r].ranks() &&
             std::equal(gap.begin(), gap.end(), rings[other].gap.begin()) &&
             std::equal(latency.begin(), latency.end(), rings[other].latency.begin());
    });
    if (same != measured.end()) {
      method.pace.push_back(method.pace[*same]);
      continue;
    }
    if (measured.size() == most_calibrations) return false;
    measured.push_back(r);
    method.pace.push_back(
        pace_at(static_cast<double>(rings[r].ranks()), jitter, method.laps, latency, gap));
  }
  return true;
}

}  // namespace

void RingMethod::lengthen(std::size_t ring, std::span<double> latency,
                          std::span<double> gap) const {
  if (pace.empty()) return;
  const double excess = pace[ring].excess, widest = pace[ring].widest;
  for (std::size_t i = 0; i < gap.size(); ++i) {
    latency[i] += excess;
    gap[i] = gap[i] <= widest ? gap[i] + excess : std::max(widest + excess, gap[i] + mean_jitter);
  }
}

RingMethod resolve_ring_method(const CollectiveRequest& request,
                               std::span<const RingHopSpan> rings) {
  const MessageJitter& jitter = request.noise.hop_jitter;
  const std::string& asked = request.values.text("topology.method");
  const std::size_t ranks = fewest_ranks(rings);
  RingMethod method;
  method.laps = request.operation == Operation::all_reduce ? 2 : 1;
  if (asked == "exact" || ranks == 1) {
    method.why = "exact";
    return method;
  }
  const std::string unverified = obstacle(request.noise, rings, method.laps);
  std::string against = asked == "auto" ? unverified : "";
  const bool constant = jitter.law().is_constant();
  if (asked == "fast" && !constant && ranks < least_ranks_with_jitter)
    throw InputError(fmt::format(
        "topology.method = fast cannot take hop jitter on {} ranks (its pace is measured on "
        "{}) use auto or exact",
        ranks, least_ranks_with_jitter));
  if (against.empty() && constant && !jitter.is_none())
    method.pace.assign(rings.size(),
                       {.excess = jitter.law().mean(), .widest = 1e300, .detours = {}});
  if (against.empty() && !constant) {
    if (calibrate(method, jitter, rings)) {
      method.mean_jitter = jitter.law().mean();
    } else {
      against = "jitter on many different rings";
      method.pace.clear();
    }
  }
  method.fast = against.empty();
  if (asked == "auto" && !unverified.empty())
    method.warning = cost_warning(method, unverified, request.noise, rings);
  if (!method.fast)
    method.why = fmt::format("exact ({})", against);
  else if (constant)
    method.why = "fast (to rounding)";
  else if (!unverified.empty())
    method.why = fmt::format("fast (not verified: {})", unverified);
  else
    method.why = fmt::format("fast (jitter adds {:.4g} us a row, mean to 0.5 %, p99 to 1 %)",
                             1e6 * method.pace[0].excess);
  return method;
}

const Parameter& method_parameter() {
  static const Parameter row{
      .key = "topology.method",
      .number = 85,
      .type = ValueType::choice,
      .default_text = "auto",
      .words = {"auto", "exact", "fast"},
      .shapes_arrays = true,
      .summary =
          "how rings are computed: exact (every message), fast (chains of late messages; "
          "dense jitter as a longer hop), auto: fast where it was verified",
      .source = "last-passage percolation: Johansson, Commun. Math. Phys. 209 (2000)"};
  return row;
}

}  // namespace lockstep
