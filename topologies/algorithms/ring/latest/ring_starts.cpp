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
  blocks_ = (way.ranks + block - 1) / block;
  const std::int64_t levels = std::bit_width(static_cast<std::uint64_t>(blocks_));
  power_.resize(static_cast<std::size_t>(levels * blocks_));
  const auto best = ring_chain_kernels().best_start;
  for (std::int64_t b = 0; b < blocks_; ++b)
    power_[static_cast<std::size_t>(b)] =
        best(ready, way.path, way.largest, b * block, std::min((b + 1) * block, way.ranks));
  for (std::int64_t level = 1; level < levels; ++level) {
    const std::int64_t half = std::int64_t{1} << (level - 1);
    const double* below = power_.data() + (level - 1) * blocks_;
    double* own = power_.data() + level * blocks_;
    for (std::int64_t b = 0; b + 2 * half <= blocks_; ++b)
      own[b] = std::max(below[b], below[b + half]);
  }
}

/// At the largest gap, over whole blocks.
double RingStarts::best_of_blocks(std::int64_t first, std::int64_t last) const {
  const auto level = std::bit_width(static_cast<std::uint64_t>(last - first)) - 1;
  const double* own = power_.data() + level * blocks_;
  return std::max(own[first], own[last - (std::int64_t{1} << level)]);
}

/// As RingChainKernels::best_start, at the largest gap.
double RingStarts::best_start(std::int64_t first, std::int64_t last) const {
  const auto scan = [&](std::int64_t from, std::int64_t to) {
    return ring_chain_kernels().best_start(ready_, way_.path, way_.largest, from, to);
  };
  const std::int64_t from = (first + block - 1) / block;
  const std::int64_t to = last == way_.ranks ? blocks_ : last / block;
  if (from >= to) return scan(first, last);
  double best = best_of_blocks(from, to);
  if (first < from * block) best = std::max(best, scan(first, from * block));
  if (to * block < last) best = std::max(best, scan(to * block, last));
  return best;
}

/// max of best(first, last) and what chains from there pay for laps and for waits at the largest
/// gap, beyond i x gap, over `left` columns before `last` of a lap, on the ring rolled out.
template <class Best>
double RingStarts::over_laps(std::int64_t wait, std::int64_t lap, std::int64_t last,
                             std::int64_t left, const Best& best) const {
  double longest = never;
  for (; left > 0; ++lap, last = way_.ranks) {
    const std::int64_t first = std::max<std::int64_t>(0, last - left);
    const double offset = static_cast<double>(lap) * way_.lap +
                          static_cast<double>(wait - lap * way_.ranks) * way_.largest;
    longest = std::max(longest, best(first, last) + offset);
    left -= last - first;
  }
  return longest;
}

double RingStarts::longest(std::int64_t position, std::int64_t row) const {
  const RingChainKernels& kernels = ring_chain_kernels();
  double best = never, slope = way_.gap[position];
  // Back from column `last` - 1 to the next larger gap.
  std::int64_t lap = 0, last = position + 1, left = row + 1;
  while (left > 0 && slope < way_.largest) {
    const std::int64_t first = std::max<std::int64_t>(0, last - left);
    const std::int64_t above = kernels.last_above(way_.gap, slope, first, last);
    const double offset = static_cast<double>(lap) * way_.lap +
                          static_cast<double>(row - position - lap * way_.ranks) * slope;
    best = std::max(best, kernels.best_start(ready_, way_.path, slope, above + 1, last) + offset);
    left -= last - (above + 1);
    last = above + 1;
    if (above >= first) {
      slope = way_.gap[above];
    } else if (left > 0) {
      ++lap;
      last = way_.ranks;
    }
  }
  const auto exactly = [&](std::int64_t first, std::int64_t end) { return best_start(first, end); };
  return std::max(best, over_laps(row - position, lap, last, left, exactly)) + way_.path[position];
}

double RingStarts::bound(std::int64_t position, std::int64_t row) const {
  const auto outward = [&](std::int64_t first, std::int64_t end) {
    return best_of_blocks(first / block, (end + block - 1) / block);
  };
  return over_laps(row - position, 0, position + 1, row + 1, outward) + way_.path[position];
}

}  // namespace lockstep
