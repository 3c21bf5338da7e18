#include "topologies/algorithms/ring/latest/ring_latest.hpp"

#include <algorithm>
#include <utility>

namespace lockstep {
namespace {

constexpr double never = -1e300;

/// Places looked through for all events, in ranks, from where on RingChains costs less.
constexpr std::int64_t most_scans = 256;

/// Late messages that memory is asked for ahead.
constexpr std::size_t ahead = 16;

std::vector<double> path_of(const double* latency, std::size_t ranks) {
  std::vector<double> path(ranks);
  for (std::size_t i = 1; i < ranks; ++i) path[i] = path[i - 1] + latency[i];
  return path;
}

}  // namespace

RingLatest::RingLatest(const double* latency, const double* gap, std::int64_t rows,
                       std::span<const double> after)
    : latency_(latency),
      gap_(gap),
      ranks_(static_cast<std::int64_t>(after.size())),
      rows_(rows),
      path_(path_of(latency, after.size())),
      back_gap_(after.size()),
      back_after_(after.rbegin(), after.rend()) {
  const double largest = *std::max_element(gap, gap + ranks_), lap = path_.back() + latency[0];
  // From row k + 1 back to row k, c(i) = max(c(i) + gap(i), c(i + 1) + latency(i + 1)).
  std::vector<double> back_latency(after.size());
  std::reverse_copy(gap, gap + ranks_, back_gap_.begin());
  std::reverse_copy(latency, latency + ranks_, back_latency.begin());
  std::rotate(back_latency.begin(), back_latency.end() - 1, back_latency.end());
  back_path_ = path_of(back_latency.data(), after.size());
  way_ = {path_.data(), gap, ranks_, lap, largest};
  back_.reset({back_path_.data(), back_gap_.data(), ranks_, lap, largest}, back_after_.data());
  const std::int64_t first = std::find(gap, gap + ranks_, largest) - gap;
  std::int64_t before = first;
  for (std::int64_t i = first + 1; i < ranks_; ++i)
    if (gap[i] == largest) stretch_ = std::max(stretch_, i - std::exchange(before, i));
  stretch_ = std::max(stretch_, first + ranks_ - before);
}

double RingLatest::run(std::span<const RingEvent> events, std::span<const double> ready,
                       Scratch& scratch) const {
  const bool many = std::ssize(events) * stretch_ > most_scans * ranks_;
  return many ? run_all(events, ready, scratch) : through(events, ready, scratch);
}

double RingLatest::run_all(std::span<const RingEvent> events, std::span<const double> ready,
                           Scratch& scratch) const {
  scratch.finish.assign(ready.begin(), ready.end());
  RingChains(latency_, gap_, ranks_, rows_).run(events, scratch.finish, scratch.all);
  double latest = never;
  for (std::size_t i = 0; i < ready.size(); ++i)
    latest = std::max(latest, scratch.finish[i] + back_after_[ready.size() - 1 - i]);
  return latest;
}

/// Columns and places are RingSweep's.
double RingLatest::through(std::span<const RingEvent> events, std::span<const double> ready,
                           Scratch& scratch) const {
  RisingPieces& chains = scratch.chains;
  scratch.starts.reset(way_, ready.data());
  chains.reset(static_cast<std::int32_t>(ranks_ + rows_), way_.largest);
  chains.prepend(0, never, way_.largest);
  double latest = never;
  std::int64_t steepened = -rows_;
  const std::span<const RingEvent> sorted =
      scratch.sort.by_position(events, static_cast<std::int32_t>(ranks_));
  for (std::int64_t lap = -(rows_ / ranks_) - 1; lap <= 0; ++lap)
    for (std::size_t e = 0; e < sorted.size(); ++e) {
      const RingEvent& event = sorted[e];
      if (e + ahead < sorted.size()) chains.expect(place_of(sorted[e + ahead], lap));
      const std::int64_t column = event.position + lap * ranks_;
      if (event.row >= rows_ + std::min<std::int64_t>(column, 0)) continue;
      const double path =
          path_[static_cast<std::size_t>(event.position)] + static_cast<double>(lap) * way_.lap;
      steepen(std::exchange(steepened, column), column, chains);
      const std::int32_t place = place_of(event, lap);
      double value = chains.value(place) + path;
      if (scratch.starts.bound(event.position, event.row + 1) > value)
        value = std::max(value, scratch.starts.longest(event.position, event.row + 1));
      value += event.delay;
      chains.raise(place, value - path, gap_[event.position]);
      if (lap < 0) continue;
      const std::int64_t back = ranks_ - 1 - event.position, left = rows_ - 1 - event.row;
      if (value + back_.bound(back, left) > latest)
        latest = std::max(latest, value + back_.longest(back, left));
    }
  return latest;
}

std::int32_t RingLatest::place_of(const RingEvent& event, std::int64_t lap) const {
  return static_cast<std::int32_t>(event.row + ranks_ - event.position - lap * ranks_);
}

/// To the columns after `from`, up to `to`.
void RingLatest::steepen(std::int64_t from, std::int64_t to, RisingPieces& chains) const {
  std::int64_t position = (from + 1 + 3 * ranks_) % ranks_;
  for (std::int64_t column = from + 1; column <= to && !chains.is_steepest(); ++column) {
    chains.steepen(gap_[position]);
    if (++position == ranks_) position = 0;
  }
}

}  // namespace lockstep
