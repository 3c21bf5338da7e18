#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/base/random.hpp"
#include "engine/network/collective.hpp"
#include "topologies/algorithms/ring/ring_chains.hpp"

namespace lockstep {

namespace purpose {
inline constexpr Purpose effective_hop{14};
}  // namespace purpose

/// What dense jitter does to the rows of one ring, times beyond the noise-free ones [s].
struct RingPace {
  double excess = 0;  ///< mean, a row, until the last rank has finished
  double sd = 0;      ///< of the finish
  double widest = 0;  ///< largest gap it was measured with
  RingDetours detours;
};

/// How the rings of one design point are computed: message by message (RingRows), or by their
/// chains (RingChains), where dense jitter counts as a longer hop.
struct RingMethod {
  int laps = 2;  ///< n - 1 rows each: an all-reduce takes two
  bool fast = false;
  std::string why;             ///< what decided it, for the file: "exact (spikes are dense)"
  std::string warning;         ///< where auto takes exact at a cost far above fast's, else ""
  double mean_jitter = 0;      ///< of a message [s]
  std::vector<RingPace> pace;  ///< (rings) if fast with jitter, else empty

  /// Makes hops of ring `ring`, (ranks) latency with serialization and gap [s], those under jitter.
  void lengthen(std::size_t ring, std::span<double> latency, std::span<double> gap) const;
};

/// Hops of one ring in its order, (ranks): latency without serialization, and gap [s].
struct RingHopSpan {
  std::span<const double> latency, gap;
  std::size_t ranks() const { return gap.size(); }
};

/// Resolves topology.method for the rings of one design point.
///
/// Dense, light-tailed jitter makes a ring last-passage percolation, whose pace settles: means and
/// deviations of a row go as a + b n^(-2/3) and n^(-2/3) (Johansson, Commun. Math. Phys. 209,
/// 2000). They are measured on exact rings of the first 256 and 1,024 hops, under fixed streams of
/// their own: a pure function of the law and the hops, 250 million messages for each different
/// ring. Gaps beyond those measured take the mean jitter, for waits there add up one after another.
/// Verified against the exact recursion at 1,024 to 131,072 ranks for exponential,
/// gamma and lognormal laws of a mean up to the mean latency: mean within 0.5 %, p99 within 1 %
/// (above 4,096 ranks from few trials, by a normal tail).
RingMethod resolve_ring_method(const CollectiveRequest& request,
                               std::span<const RingHopSpan> rings);

/// The parameter.
const Parameter& method_parameter();

}  // namespace lockstep
