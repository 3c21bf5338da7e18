#include "topologies/algorithms/ring/ring_chains.hpp"

#include <algorithm>

#include "engine/base/elementary.hpp"
#include "topologies/algorithms/ring/ring_chain_kernels.hpp"

namespace lockstep {
namespace {

constexpr std::size_t most_gaps = 8;  // RingSweep is faster beyond
constexpr std::size_t most_events = 800;
constexpr double never = -1e300;

/// Chains that wait for the largest gap, as nearly all do from its first place on: their finishes
/// are ranges that reach an end of the ring, so that running maxima serve every event.
class SteepestChains {
 public:
  SteepestChains(const std::vector<double>& path, double slope, RingChains::Scratch& scratch)
      : path_(path), slope_(slope), s_(scratch) {
    s_.rise_after.assign(path.size(), never);
    s_.rise_before.assign(path.size(), never);
  }

  /// As RingChainKernels::raise, on `finish` at once or when all are known.
  void raise(double offset, std::int64_t first, std::int64_t last, double* finish) {
    if (last == std::ssize(path_))
      raise_to(s_.rise_after[static_cast<std::size_t>(first)], offset);
    else if (first == 0)
      raise_to(s_.rise_before[static_cast<std::size_t>(last - 1)], offset);
    else
      ring_chain_kernels().raise(path_.data(), slope_, offset, first, last, finish);
  }
  void raise_all(double* finish) const {
    double after = never, before = never;
    for (std::size_t i = 0; i < path_.size(); ++i) {
      after = std::max(after, s_.rise_after[i]);
      finish[i] = std::max(finish[i], path_[i] - static_cast<double>(i) * slope_ + after);
    }
    for (std::size_t i = path_.size(); i-- > 0;) {
      before = std::max(before, s_.rise_before[i]);
      finish[i] = std::max(finish[i], path_[i] - static_cast<double>(i) * slope_ + before);
    }
  }

 private:
  static void raise_to(double& value, double offset) { value = std::max(value, offset); }

  const std::vector<double>& path_;
  double slope_;
  RingChains::Scratch& s_;
};

}  // namespace

double RingDetours::loss(double rows, double all_rows) const {
  if (pinned == 0 || rows == 0) return 0;
  return pinned * elementary::exp(elementary::log(2 * rows / all_rows) / 3);
}

RingChains::RingChains(const double* latency, const double* gap, std::int64_t ranks,
                       std::int64_t rows)
    : latency_(latency),
      gap_(gap),
      ranks_(ranks),
      rows_(rows),
      path_(static_cast<std::size_t>(ranks)) {
  for (std::int64_t i = 1; i < ranks; ++i)
    path_[static_cast<std::size_t>(i)] = path_[static_cast<std::size_t>(i - 1)] + latency[i];
  lap_ = path_.back() + latency[0];
  waits_ = {*std::max_element(gap, gap + ranks)};
  const double mean = lap_ / static_cast<double>(ranks);
  double known = waits_.front();
  for (std::int64_t i = 0; i < ranks && waits_.size() <= most_gaps; ++i) {
    if (gap[i] == known || (gap[i] <= mean && rows >= 2 * ranks - 3)) continue;
    known = gap[i];
    if (std::find(waits_.begin(), waits_.end(), known) == waits_.end()) waits_.push_back(known);
  }
}

/// A row short of two laps there is no room for a lap more on the way from one side of the only
/// place of the largest gap to the other.
void RingChains::go_round_the_largest(const double* ready, std::span<double> state) const {
  const auto places = std::span(gap_, static_cast<std::size_t>(ranks_));
  const auto place = std::ranges::max_element(places) - places.begin();
  double most = never;  // of the other gaps
  for (std::int64_t i = 0; i < ranks_; ++i)
    if (i != place) most = std::max(most, gap_[i]);
  const std::int64_t first = (place + 1) % ranks_, last = (place + ranks_ - 1) % ranks_;
  const double way = lap_ - latency_[place] - latency_[first];
  double& finish = state[static_cast<std::size_t>(last)];
  finish = std::max(finish, ready[first] + way + static_cast<double>(ranks_ - 1) * most);
}

void RingChains::run(std::span<const RingEvent> events, std::span<double> state, Scratch& scratch,
                     const RingDetours& detours) const {
  if (rows_ == 0) return;
  if (waits_.size() > most_gaps || events.size() > most_events) {
    RingSweep(latency_, gap_, ranks_).run(rows_, events, state, scratch.sweep);
    return;
  }
  scratch.ready.assign(state.begin(), state.end());
  scratch.start.resize(static_cast<std::size_t>(ring_chain_scratch(ranks_)));
  std::fill(state.begin(), state.end(), never);
  const RingChainKernels& kernels = ring_chain_kernels();
  const auto quiet = rows_ < ranks_ ? kernels.quiet_one_lap : kernels.quiet_two_laps;
  for (double slope : waits_)
    quiet(scratch.ready.data(), path_.data(), gap_, ranks_, rows_, lap_, slope,
          scratch.start.data(), state.data());
  if (rows_ == 2 * ranks_ - 3) go_round_the_largest(scratch.ready.data(), state);
  if (!events.empty()) add_chains(events, detours, state, scratch);
}

double RingChains::cost(std::int64_t ranks, int laps, double spike_probability) {
  const auto n = static_cast<double>(ranks);
  const double events = spike_probability * laps * n * n;
  return events <= most_events ? n * (events < 0.1 ? 70 : 120) + events * (600 + 30 * events)
                               : n * 1000 + events * 2000;
}

void RingChains::add_chains(std::span<const RingEvent> events, const RingDetours& detours,
                            std::span<double> state, Scratch& scratch) const {
  const RingChainKernels& kernels = ring_chain_kernels();
  const std::int64_t rows = rows_;
  const auto all_rows = static_cast<double>(rows);
  std::vector<double>& late = scratch.late;  // longest chain up to each event
  late.clear();
  scratch.starts.reset({path_.data(), gap_, ranks_, lap_, waits_[0]}, scratch.ready.data());
  SteepestChains steepest(path_, waits_[0], scratch);
  for (const RingEvent& e : events)
    late.push_back(scratch.starts.longest(e.position, e.row + 1) -
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
      const double at_end = offset + all_rows * slope - loss;
      if (slope < waits_[0])
        kernels.raise(path_.data(), slope, at_end, first, last, state.data());
      else
        steepest.raise(at_end, first, last, state.data());
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
  steepest.raise_all(state.data());
}

}  // namespace lockstep
