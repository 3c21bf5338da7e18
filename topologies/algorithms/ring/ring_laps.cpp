#include "topologies/algorithms/ring/ring_laps.hpp"

#include <algorithm>

#include "engine/base/elementary.hpp"

namespace lockstep {

RingLaps::RingLaps(const RingMethod& method, std::size_t ring, const double* latency,
                   const double* gap, std::int64_t ranks)
    : latency_(latency), gap_(gap), ranks_(ranks), laps_(method.laps) {
  if (!method.fast) {
    rows_.emplace(latency, gap, ranks);
  } else if (method.pace.empty()) {
    chains_.emplace(latency, gap, ranks, laps_ * (ranks - 1));
  } else {
    pace_ = method.pace[ring];
    longer_latency_.assign(latency, latency + ranks);
    longer_gap_.assign(gap, gap + ranks);
    method.lengthen(ring, longer_latency_, longer_gap_);
    chains_.emplace(longer_latency_.data(), longer_gap_.data(), ranks, laps_ * (ranks - 1));
  }
}

void RingLaps::run(const MessageNoise& noise, SpikeSequence& spikes, std::int64_t group,
                   std::int64_t first_message, std::span<double> state, Scratch& scratch,
                   const Execution& how) const {
  // Without jitter hops are as long as they are, whatever the method makes of it.
  if (!noise.hop_jitter && (pace_ || (rows_ && spikes.done()))) {
    take_events(spikes, first_message, scratch.events);
    RingChains(latency_, gap_, ranks_, rows()).run(scratch.events, state, scratch);
    return;
  }
  if (rows_) {
    rows_->run(noise, spikes, group, first_message, rows(), state, how);
    return;
  }
  take_events(spikes, first_message, scratch.events);
  if (!pace_) {
    chains_->run(scratch.events, state, scratch);
    return;
  }
  chains_->run(scratch.events, state, scratch, pace_->detours);
  constexpr std::uint64_t beyond_messages = std::uint64_t{1} << 55;
  const double u = noise.jitter.uniform(beyond_messages + static_cast<std::uint64_t>(first_message),
                                        static_cast<std::uint32_t>(group));
  const double deviation = pace_->sd * elementary::normal_quantile(u);
  for (double& finish : state) finish += deviation;
}

/// From row k + 1 back to row k, c(i) = max(c(i) + gap(i), c(i + 1) + latency(i + 1)): a ring the
/// other way round.
void RingLaps::run_back(std::span<double> state, Scratch& scratch) const {
  std::vector<double> latency(state.size()), gap(state.size());
  std::reverse_copy(gap_, gap_ + ranks_, gap.begin());
  std::reverse_copy(latency_, latency_ + ranks_, latency.begin());
  std::rotate(latency.begin(), latency.end() - 1, latency.end());
  std::ranges::reverse(state);
  RingChains(latency.data(), gap.data(), ranks_, rows()).run({}, state, scratch);
  std::ranges::reverse(state);
}

RingLatest RingLaps::latest(std::span<const double> after) const {
  return {latency_, gap_, rows(), after};
}

std::int64_t RingLaps::take_events(SpikeSequence& spikes, std::int64_t first_message,
                                   std::vector<RingEvent>& events) const {
  events.clear();
  const std::int64_t messages = rows() * ranks_;
  for (; !spikes.done() && spikes.message() < first_message + messages; spikes.next()) {
    const std::int64_t at = spikes.message() - first_message;
    events.push_back({static_cast<std::int32_t>(at / ranks_),
                      static_cast<std::int32_t>(at % ranks_), spikes.delay()});
  }
  return messages;
}

double RingLaps::cost(const RingMethod& method, std::int64_t ranks, const Noise& noise) {
  if (method.fast) return RingChains::cost(ranks, method.laps, noise.spike_probability);
  const auto n = static_cast<double>(ranks);
  return method.laps * n * n * (noise.hop_jitter.is_none() ? 1.0 : jittered_message_cost);
}

}  // namespace lockstep
