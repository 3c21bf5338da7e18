#include "topologies/algorithms/ring/ring_pass.hpp"

#include <algorithm>

namespace lockstep {
namespace {

// Ranks whose dense delays are drawn together; the stride keeps rows in different cache sets.
constexpr std::int64_t window = 4 * jitter_tile;
constexpr std::int64_t window_stride = window + 16;

}  // namespace

RingPasser::RingPasser(const RingKernels& kernels, const RingHopTimes& hops,
                       const MessageNoise& noise, std::int64_t group)
    : kernels_(kernels), hops_(hops), noise_(noise), group_(group) {
  if (noise.hop_jitter)
    jitter_.resize(
        static_cast<std::size_t>(ring_depth * (hops.ranks <= window ? hops.ranks : window_stride)));
}

void RingPasser::begin(const RingPass& pass, std::int64_t first, std::span<double> state) {
  pass_ = pass;
  window_begin_ = window_end_ = 0;
  find_spike(first);
  if (noise_.hop_jitter) load_jitter(first, first + pass.rows);
  for (int j = 0; j < pass.rows; ++j)
    left_[j] = step(first + j, state[static_cast<std::size_t>(j)], j);
}

void RingPasser::advance(std::int64_t first, std::span<double> state) {
  const std::int64_t end = first + static_cast<std::int64_t>(state.size());
  find_spike(first);
  for (std::int64_t rank = first; rank < end;) {
    if (noise_.hop_jitter) load_jitter(rank, end);
    std::int64_t stop = noise_.hop_jitter ? std::min(end, window_end_) : end;
    const bool hit = spike_ != spikes_end() && spike_->rank < stop;
    if (hit) stop = spike_->rank;
    RingSegment segment{};
    segment.state = state.data() + (rank - first);
    segment.latency = hops_.uniform ? hops_.latency : hops_.latency + rank;
    segment.gap = hops_.uniform ? hops_.gap : hops_.gap + rank;
    segment.jitter = noise_.hop_jitter ? jitter_.data() + (rank - window_begin_) : nullptr;
    segment.stride = stride_;
    segment.ranks = stop - rank;
    segment.rows = pass_.rows;
    segment.uniform = hops_.uniform;
    rank += kernels_.advance(segment, left_);
    for (stop += hit ? 1 : 0; rank < stop; ++rank) {
      double& own = state[static_cast<std::size_t>(rank - first)];
      own = step(rank, own, pass_.rows);
    }
  }
}

/// Moves to the first spike at `rank` or after it.
void RingPasser::find_spike(std::int64_t rank) {
  spike_ = std::lower_bound(pass_.spikes.data(), spikes_end(), rank,
                            [](const RingSpike& s, std::int64_t r) { return s.rank < r; });
}

/// Holds the dense delays of `rank`; of a small ring those of all ranks, whose messages are
/// numbered on end.
void RingPasser::load_jitter(std::int64_t rank, std::int64_t end) {
  if (window_begin_ <= rank && rank < window_end_) return;
  if (hops_.ranks <= window) {
    window_begin_ = 0;
    window_end_ = stride_ = hops_.ranks;
    noise_.dense(group_, pass_.first_message,
                 std::span(jitter_).first(static_cast<std::size_t>(pass_.rows * stride_)));
    return;
  }
  window_begin_ = rank;
  window_end_ = std::min(rank + window, end);
  stride_ = window_stride;
  for (std::int64_t r = 0; r < pass_.rows; ++r)
    noise_.dense(group_, pass_.first_message + r * hops_.ranks + rank,
                 std::span(jitter_).subspan(static_cast<std::size_t>(r * stride_),
                                            static_cast<std::size_t>(window_end_ - rank)));
}

/// Takes one rank from `now` through the first `rows` rows, and its spikes of the pass with it.
double RingPasser::step(std::int64_t rank, double now, int rows) {
  const RingSpike* last = spikes_end();
  const double latency = hops_.latency[hops_.uniform ? 0 : rank];
  const double gap = hops_.gap[hops_.uniform ? 0 : rank];
  for (int r = 0; r < rows; ++r) {
    const double own = now + gap, arrived = left_[r] + latency;
    left_[r] = now;
    now = own > arrived ? own : arrived;
    if (noise_.hop_jitter)
      now += static_cast<double>(
          jitter_[static_cast<std::size_t>(r * stride_ + rank - window_begin_)]);
    if (spike_ != last && spike_->rank == rank && spike_->row == r) now += (spike_++)->delay;
  }
  while (spike_ != last && spike_->rank == rank) ++spike_;  // of rows beyond
  return now;
}

}  // namespace lockstep
