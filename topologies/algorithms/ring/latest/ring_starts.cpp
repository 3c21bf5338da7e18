#include "topologies/algorithms/ring/latest/ring_starts.hpp"

#include <algorithm>
#include <bit>

#include "topologies/algorithms/ring/ring_chain_kernels.hpp"

namespace lockstep {
namespace {

constexpr double never = -1e300;

}  // namespace

void RingStarts::reset(const RingWay& way, const double* ready) {
  way_ = way;
  ready_ = ready;
  blocks_ = way.ranks / block;
  const std::int64_t levels = std::bit_width(static_cast<std::uint64_t>(blocks_));
  power_.resize(static_cast<std::size_t>(levels * blocks_));
  const auto best = ring_chain_kernels().best_start;
  for (std::int64_t b = 0; b < blocks_; ++b)
    power_[static_cast<std::size_t>(b)] =
        best(ready, way.path, way.largest, b * block, (b + 1) * block);
  for (std::int64_t level = 1; level < levels; ++level) {
    const std::int64_t half = std::int64_t{1} << (level - 1);
    const double* below = power_.data() + (level - 1) * blocks_;
    double* own = power_.data() + level * blocks_;
    for (std::int64_t b = 0; b + 2 * half <= blocks_; ++b)
      own[b] = std::max(below[b], below[b + half]);
  }
  best_ = best_start(0, way.ranks);
}

double RingStarts::best_of_blocks(std::int64_t first, std::int64_t last) const {
  if (first >= last) return never;
  const auto level = std::bit_width(static_cast<std::uint64_t>(last - first)) - 1;
  const double* own = power_.data() + level * blocks_;
  return std::max(own[first], own[last - (std::int64_t{1} << level)]);
}

/// As RingChainKernels::best_start, at the largest gap.
double RingStarts::best_start(std::int64_t first, std::int64_t last) const {
  const auto scan = [&](std::int64_t from, std::int64_t to) {
    return from < to ? ring_chain_kernels().best_start(ready_, way_.path, way_.largest, from, to)
                     : never;
  };
  const std::int64_t from = (first + block - 1) / block, to = last / block;
  if (from >= to) return scan(first, last);
  return std::max({best_of_blocks(from, to), scan(first, from * block), scan(to * block, last)});
}

double RingStarts::longest(std::int64_t position, std::int64_t row) const {
  const RingChainKernels& kernels = ring_chain_kernels();
  double best = never, slope = way_.gap[position];
  // Back from column `last` - 1, on the ring rolled out, to the next larger gap.
  std::int64_t lap = 0, last = position + 1, left = row + 1;
  while (left > 0) {
    const bool is_largest = slope >= way_.largest;
    const std::int64_t first = std::max<std::int64_t>(0, last - left);
    const std::int64_t above =
        is_largest ? first - 1 : kernels.last_above(way_.gap, slope, first, last);
    // What chains from here pay for waiting, beyond i x slope, and for laps.
    const double offset = static_cast<double>(lap) * way_.lap +
                          static_cast<double>(row - position - lap * way_.ranks) * slope;
    const double start = is_largest ? best_start(above + 1, last)
                                    : kernels.best_start(ready_, way_.path, slope, above + 1, last);
    best = std::max(best, start + offset);
    left -= last - (above + 1);
    last = above + 1;
    if (above >= first) {
      slope = way_.gap[above];
    } else if (left > 0) {
      ++lap;
      last = way_.ranks;
    }
  }
  return best + way_.path[position];
}

double RingStarts::bound(std::int64_t position, std::int64_t row) const {
  const double a_lap = way_.lap - static_cast<double>(way_.ranks) * way_.largest;
  const std::int64_t laps =
      a_lap > 0 && row > position ? (row - position + way_.ranks - 1) / way_.ranks : 0;
  return best_ + static_cast<double>(laps) * a_lap +
         static_cast<double>(row - position) * way_.largest + way_.path[position];
}

}  // namespace lockstep
