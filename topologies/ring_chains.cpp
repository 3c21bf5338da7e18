#include "topologies/ring_chains.hpp"

#include <algorithm>

#include "engine/base/elementary.hpp"
#include "topologies/ring_chain_kernels.hpp"

namespace lockstep {
namespace {

constexpr std::size_t most_gaps = 8;  // RingSweep is faster beyond
constexpr std::size_t most_events = 100;

}  // namespace

double RingDetours::loss(double rows, double all_rows) const {
  if (pinned == 0 || rows == 0) return 0;
  return pinned * elementary::exp(elementary::log(2 * rows / all_rows) / 3);
}

RingChains::RingChains(const double* latency, const double* gap, std::int64_t ranks)
    : latency_(latency), gap_(gap), ranks_(ranks), path_(static_cast<std::size_t>(ranks)) {
  for (std::int64_t i = 1; i < ranks; ++i)
    path_[static_cast<std::size_t>(i)] = path_[static_cast<std::size_t>(i - 1)] + latency[i];
  lap_ = path_.back() + latency[0];
  waits_ = {*std::max_element(gap, gap + ranks)};
  const double mean = lap_ / static_cast<double>(ranks);
  for (std::int64_t i = 0; i < ranks && waits_.size() <= most_gaps; ++i)
    if (gap[i] > mean && std::find(waits_.begin(), waits_.end(), gap[i]) == waits_.end())
      waits_.push_back(gap[i]);
}

void RingChains::run(std::span<const RingEvent> events, std::span<double> state, Scratch& scratch,
                     const RingDetours& detours) const {
  if (ranks_ == 1) return;
  if (waits_.size() > most_gaps || events.size() > most_events) {
    RingSweep(latency_, gap_, ranks_).run(2 * (ranks_ - 1), events, state, scratch.sweep);
    return;
  }
  scratch.ready.assign(state.begin(), state.end());
  scratch.start.resize(2 * state.size());
  std::fill(state.begin(), state.end(), -1e300);
  for (double slope : waits_)
    ring_chain_kernels().quiet(scratch.ready.data(), path_.data(), gap_, ranks_, lap_, slope,
                               scratch.start.data(), state.data());
  add_chains(events, detours, state, scratch);
}

double RingChains::cost(std::int64_t ranks, double spike_probability) {
  const auto n = static_cast<double>(ranks);
  const double events = spike_probability * 2 * n * n;
  return events <= most_events ? n * (60 + 8 * events) : n * 1000 + events * 2500;
}

/// The longest chain without delays to `position` and `row` (0 = ready).
double RingChains::quiet_value(const double* ready, std::int64_t position, std::int64_t row) const {
  const RingChainKernels& kernels = ring_chain_kernels();
  double best = -1e300, slope = gap_[position];
  // Back from column `last` - 1, on the ring rolled out, to the next larger gap.
  std::int64_t lap = 0, last = position + 1, left = row + 1;
  while (left > 0) {
    const std::int64_t first = std::max<std::int64_t>(0, last - left);
    const std::int64_t above =
        slope < waits_[0] ? kernels.last_above(gap_, slope, first, last) : first - 1;
    const auto laps = static_cast<double>(lap);
    // What chains from here pay for waiting, beyond i x slope, and for laps.
    const double offset = laps * lap_ + static_cast<double>(row - position - lap * ranks_) * slope;
    best = std::max(best, kernels.best_start(ready, path_.data(), slope, above + 1, last) + offset);
    left -= last - (above + 1);
    last = above + 1;
    if (above >= first) {
      slope = gap_[above];
    } else if (left > 0) {
      ++lap;
      last = ranks_;
    }
  }
  return best + path_[static_cast<std::size_t>(position)];
}

void RingChains::add_chains(std::span<const RingEvent> events, const RingDetours& detours,
                            std::span<double> state, Scratch& scratch) const {
  const RingChainKernels& kernels = ring_chain_kernels();
  const std::int64_t rows = 2 * (ranks_ - 1);
  const auto all_rows = static_cast<double>(rows);
  std::vector<double>& late = scratch.late;  // longest chain up to each event
  late.clear();
  for (const RingEvent& e : events)
    late.push_back(quiet_value(scratch.ready.data(), e.position, e.row + 1) -
                   detours.loss(static_cast<double>(e.row + 1), all_rows));
  for (std::size_t e = 0; e < events.size(); ++e) {
    const double value = late[e] + events[e].delay;
    const std::int64_t position = events[e].position, row = events[e].row + 1;
    const double loss = detours.loss(static_cast<double>(rows - row), all_rows);
    double slope = gap_[position];
    // On from column `first` of a lap, to the next larger gap or the end of the ring.
    std::int64_t lap = 0, first = position, left = rows - row + 1;
    while (left > 0) {
      std::int64_t last = std::min(ranks_, first + left);
      if (slope < waits_[0]) last = kernels.next_above(gap_, slope, first + 1, last);
      const double offset = value - path_[static_cast<std::size_t>(position)] +
                            static_cast<double>(lap) * lap_ +
                            static_cast<double>(position - row - lap * ranks_) * slope;
      kernels.raise(path_.data(), slope, offset + all_rows * slope - loss, first, last,
                    state.data());
      for (std::size_t f = e + 1; f < events.size(); ++f) {
        const std::int64_t to = events[f].position, to_row = events[f].row + 1;
        const std::int64_t hops = to + lap * ranks_ - position;
        if (to < first || to >= last || hops > to_row - row) continue;
        const double gained =
            detours.tilts.empty()
                ? 0.0
                : detours.gain(static_cast<double>(hops), static_cast<double>(to_row - row - hops),
                               all_rows);
        late[f] = std::max(late[f], path_[static_cast<std::size_t>(to)] + offset +
                                        static_cast<double>(to_row - to) * slope + gained);
      }
      left -= last - first;
      first = last;
      if (first == ranks_) {
        ++lap;
        first = 0;
      }
      slope = std::max(slope, gap_[first]);
    }
  }
}

}  // namespace lockstep
