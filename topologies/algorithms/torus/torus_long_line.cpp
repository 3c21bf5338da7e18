#include "topologies/algorithms/torus/torus_long_line.hpp"

#include <algorithm>

namespace lockstep {
namespace {

/// The place that is m hops from the beginning of the way.
std::int64_t place_at(const TorusPhase& phase, bool forward, std::int64_t m) {
  return forward ? m : phase.length - 1 - m;
}

}  // namespace

void TorusLongLine::load(const TorusPhase& phase, const UnequalLine& line, bool forward) {
  const auto length = static_cast<std::size_t>(phase.length);
  for (auto* array : {&latency_, &gap_, &state_}) array->resize(length);
  for (std::int64_t m = 0; m < phase.length; ++m) {
    const auto at = static_cast<std::size_t>(m);
    const double rate =
        line.rate ? line.into(place_at(phase, forward, m), phase) : phase.rate[line.line];
    gap_[at] = rate * phase.bytes;
    latency_[at] = phase.latency + gap_[at];
  }
}

void TorusLongLine::run(const TorusPhase& phase, const UnequalLine& line,
                        std::span<const LineSpike> spikes, double* out) {
  load(phase, line, phase.forward);
  double before =
      phase.part[phase.rank(line.line, place_at(phase, phase.forward, phase.length - 1))];
  for (std::int64_t m = 0; m < phase.length; ++m) {
    const auto at = static_cast<std::size_t>(m);
    const std::int64_t rank = phase.rank(line.line, place_at(phase, phase.forward, m));
    const double part = phase.part[rank];
    const double own = phase.port ? std::max(part, phase.port[rank]) : part;
    state_[at] = std::max(own + gap_[at], before + latency_[at]);
    before = part;
  }
  events_.clear();
  for (const LineSpike& spike : spikes) {
    const std::int64_t m = place_at(phase, phase.forward, spike.place);
    if (spike.row == 0)
      state_[static_cast<std::size_t>(m)] += spike.delay;
    else
      events_.push_back(
          {static_cast<std::int32_t>(spike.row - 1), static_cast<std::int32_t>(m), spike.delay});
  }
  RingChains(latency_.data(), gap_.data(), phase.length, phase.rows() - 1)
      .run(events_, state_, scratch_);
  for (std::int64_t m = 0; m < phase.length; ++m)
    out[place_at(phase, phase.forward, m)] = state_[static_cast<std::size_t>(m)];
}

/// With c the way from a row's arrival to the end and e(i) = c(i) + g(i), the row before has
/// c(i) = max(e(i), e(i + 1) + latency), so that e is a ring the other way round.
void TorusLongLine::run_back(const TorusPhase& phase, const UnequalLine& line, const double* after,
                             double* part, double* port) {
  load(phase, line, !phase.forward);
  for (std::int64_t m = 0; m < phase.length; ++m) {
    const auto at = static_cast<std::size_t>(m);
    state_[at] = after[phase.rank(line.line, place_at(phase, !phase.forward, m))] + gap_[at];
  }
  RingChains(latency_.data(), gap_.data(), phase.length, phase.rows() - 1)
      .run({}, state_, scratch_);
  double next = state_.back();
  for (std::int64_t m = 0; m < phase.length; ++m) {
    const double own = state_[static_cast<std::size_t>(m)];
    const std::int64_t place = place_at(phase, !phase.forward, m);
    port[place] = own;
    part[place] = std::max(own, next + phase.latency);
    next = own;
  }
}

}  // namespace lockstep
