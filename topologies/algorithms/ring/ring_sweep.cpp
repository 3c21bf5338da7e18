#include "topologies/algorithms/ring/ring_sweep.hpp"

#include <algorithm>

namespace lockstep {

std::span<const RingEvent> RingEventSort::by_position(std::span<const RingEvent> events,
                                                      std::int32_t ranks) {
  begins_.assign(static_cast<std::size_t>(ranks) + 2, 0);
  for (const RingEvent& e : events) ++begins_[static_cast<std::size_t>(e.position) + 2];
  for (std::size_t i = 2; i < begins_.size(); ++i) begins_[i] += begins_[i - 1];
  events_.resize(events.size());
  for (const RingEvent& e : events)
    events_[static_cast<std::size_t>(begins_[static_cast<std::size_t>(e.position) + 1]++)] = e;
  return events_;
}

void RingSweep::run(std::int64_t rows, std::span<const RingEvent> events, std::span<double> state,
                    Scratch& scratch) const {
  if (rows == 0) return;
  const RingEventSort& order = scratch.sort;
  const std::span<const RingEvent> sorted = scratch.sort.by_position(events, ranks_);
  const auto last_row = static_cast<std::int32_t>(rows);
  // The place of (a, row) is row - a + ranks - 1, so that the last column's start is place 0. Rows
  // count from 0, the ready times, here. Columns below 0 matter up to where a hop a row still
  // reaches column 0.
  const std::int32_t end = ranks_ + last_row;
  RisingPieces& chains = scratch.chains;
  chains.reset(end, *std::max_element(gap_, gap_ + ranks_));
  std::int32_t position = (ranks_ - last_row % ranks_) % ranks_;
  const std::int32_t lead = std::min(8, ranks_ - 1);  // columns that memory is asked for ahead
  double path = 0;  // latencies up to this column; chains hold their length less it
  std::vector<double> ready(state.begin(), state.end());
  for (std::int32_t a = -last_row; a < ranks_; ++a) {
    const auto i = static_cast<std::size_t>(position);
    const double gap = gap_[i];
    path += latency_[i];
    chains.steepen(gap);
    const std::int32_t start = ranks_ - 1 - a;
    chains.prepend(start, ready[i] - path, gap);
    const std::int32_t reached = a < 0 ? last_row + a : last_row;
    for (auto e = order.begin(i); e < order.end(i); ++e) {
      const RingEvent& event = sorted[static_cast<std::size_t>(e)];
      if (event.row >= reached) break;
      chains.lift(start + static_cast<std::int32_t>(event.row) + 1, event.delay, gap);
    }
    const std::int32_t soon = position + lead < ranks_ ? position + lead : position + lead - ranks_;
    for (auto e = order.begin(static_cast<std::size_t>(soon));
         e < order.end(static_cast<std::size_t>(soon)); ++e)
      chains.expect(start - lead + 1 + sorted[static_cast<std::size_t>(e)].row);
    if (a >= 0) {
      state[i] = chains.value(start + last_row) + path;
      chains.pop(start + last_row);
    }
    if (++position == ranks_) position = 0;
  }
}

}  // namespace lockstep
