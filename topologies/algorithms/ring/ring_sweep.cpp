#include "topologies/algorithms/ring/ring_sweep.hpp"

#include <algorithm>

namespace lockstep {

void RingSweep::sort(std::span<const RingEvent> events, Scratch& scratch) const {
  std::vector<std::int32_t>& begins = scratch.begins;
  begins.assign(static_cast<std::size_t>(ranks_) + 2, 0);
  for (const RingEvent& e : events) ++begins[static_cast<std::size_t>(e.position) + 2];
  for (std::size_t i = 2; i < begins.size(); ++i) begins[i] += begins[i - 1];
  scratch.events.resize(events.size());
  for (const RingEvent& e : events)
    scratch.events[static_cast<std::size_t>(begins[static_cast<std::size_t>(e.position) + 1]++)] =
        e;
}

void RingSweep::run(std::int64_t rows, std::span<const RingEvent> events, std::span<double> state,
                    Scratch& scratch) const {
  if (rows == 0) return;
  sort(events, scratch);
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
    for (auto e = scratch.begins[i]; e < scratch.begins[i + 1]; ++e) {
      const RingEvent& event = scratch.events[static_cast<std::size_t>(e)];
      if (event.row >= reached) break;
      chains.lift(start + static_cast<std::int32_t>(event.row) + 1, event.delay, gap);
    }
    const std::int32_t soon = position + lead < ranks_ ? position + lead : position + lead - ranks_;
    for (auto e = scratch.begins[static_cast<std::size_t>(soon)];
         e < scratch.begins[static_cast<std::size_t>(soon) + 1]; ++e)
      chains.expect(start - lead + 1 +
                    static_cast<std::int32_t>(scratch.events[static_cast<std::size_t>(e)].row));
    if (a >= 0) {
      state[i] = chains.value(start + last_row) + path;
      chains.pop(start + last_row);
    }
    if (++position == ranks_) position = 0;
  }
}

}  // namespace lockstep
