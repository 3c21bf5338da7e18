#include "topologies/ring_rows.hpp"

#include <algorithm>

#include "topologies/ring_kernels.hpp"

namespace lockstep {

RingRows::RingRows(const double* latency, const double* gap, std::int64_t ranks)
    : latency_(latency), gap_(gap), ranks_(ranks) {
  const auto same = [&](const double* v) {
    return std::all_of(v, v + ranks, [&](double x) { return x == v[0]; });
  };
  uniform_ = same(latency) && same(gap);
}

void RingRows::run(const MessageNoise& noise, SpikeSequence& spikes, std::int64_t group,
                   std::int64_t first_message, std::int64_t rows, std::span<double> state) const {
  for (std::int64_t row = 0; row < rows;) {
    std::int64_t stop = rows;  // rows up to and including the next that has noise
    if (noise.hop_jitter)
      stop = row + 1;
    else if (!spikes.done())
      stop = std::min(stop, (spikes.message() - first_message) / ranks_ + 1);
    if (uniform_)
      ring_kernels().advance_uniform(state.data(), *latency_, *gap_, ranks_, stop - row);
    else
      ring_kernels().advance(state.data(), latency_, gap_, ranks_, stop - row);
    row = stop;
    add_row_noise(noise, spikes, group, first_message + (row - 1) * ranks_, state);
  }
}

}  // namespace lockstep
