#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lockstep {

/// One ring in the direction of its messages: hops into each position, (ranks) [s].
struct RingWay {
  const double* path;  ///< sum of latencies with serialization from position 0 to each
  const double* gap;
  std::int64_t ranks;
  double lap;      ///< all latencies
  double largest;  ///< gap
};

/// Where the longest chains without delays on a ring begin, from the ranks' ready times.
///
/// A chain pays the latency of every hop and all its waits at the largest gap it passes. Back from
/// a message, starts up to the next larger gap are looked through; from the first place of the
/// largest gap on they are ranges of ready(i) - path(i) + i gap, whose maxima are kept for blocks.
class RingStarts {
 public:
  /// What both refer to must outlive this, or the next reset. Cost: 1 ns a rank.
  void reset(const RingWay& way, const double* ready);
  /// The longest chain to `position` and `row` (0 = ready) [s]. Cost: 60 ns, and 0.2 ns for each
  /// place on the way back to one of the largest gap.
  double longest(std::int64_t position, std::int64_t row) const;
  /// No less but for rounding, as if every place had the largest gap and some more were starts.
  /// Cost: 10 ns.
  double bound(std::int64_t position, std::int64_t row) const;

 private:
  static constexpr std::int64_t block = 64;
  double best_start(std::int64_t first, std::int64_t last) const;
  double best_of_blocks(std::int64_t first, std::int64_t last) const;
  template <class Best>
  double over_laps(std::int64_t wait, std::int64_t lap, std::int64_t last, std::int64_t left,
                   const Best& best) const;

  RingWay way_{};
  const double* ready_ = nullptr;
  std::int64_t blocks_ = 0;
  std::vector<double> power_;  // (levels, blocks): maxima of 2^level blocks from each on
};

}  // namespace lockstep
