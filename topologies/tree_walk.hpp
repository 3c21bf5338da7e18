#pragma once

#include <cstdint>
#include <vector>

#include "topologies/tree_plan.hpp"

namespace lockstep {

/// Before any time.
inline constexpr double never = -1e300;

/// Noise of one row of messages after another, for all lanes of a run.
class RowNoise {
 public:
  /// Rows of `width` messages, `messages` in all; `noise` and `run` must outlive this.
  RowNoise(const MessageNoise& noise, const LaneRun& run, std::int64_t width,
           std::int64_t messages);

  /// No message of the run has any.
  bool quiet() const;

  /// Delays of a row, (width, lanes) [s], or null where none of its messages has any. Rows must
  /// rise.
  const double* load(std::int64_t row);

 private:
  void add(std::int64_t place, std::size_t lane, double delay);

  const MessageNoise& noise_;
  const LaneRun& run_;
  std::int64_t width_;
  std::vector<double> delay_;
  std::vector<SpikeSequence> spikes_;
  std::vector<std::size_t> touched_;
};

/// The chunks that a pass goes through. Without noise it is enough to follow the first and the
/// last: what comes out of a hop, max over j <= c of in(j) + (c - j) gap, is convex in the chunk
/// where what goes in is, so that its maximum lies at j = 0 or j = c; so all streams are, as ready
/// times are constant. With noise all chunks count.
class ChunkWalk {
 public:
  ChunkWalk(std::int64_t chunks, bool quiet) : chunks_(chunks), ends_only_(quiet && chunks > 2) {}
  std::int64_t stops() const { return ends_only_ ? 2 : chunks_; }
  std::int64_t chunk(std::int64_t stop) const {
    return ends_only_ && stop == 1 ? chunks_ - 1 : stop;
  }
  /// From the stop before: `gap`, or that of a whole pipeline.
  const double* gap(std::int64_t stop, const std::vector<double>& gap,
                    const std::vector<double>& pipeline_gap) const {
    return (ends_only_ && stop == 1 ? pipeline_gap : gap).data();
  }

 private:
  std::int64_t chunks_;
  bool ends_only_;
};

}  // namespace lockstep
