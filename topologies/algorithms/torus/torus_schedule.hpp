#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/network/operation.hpp"
#include "topologies/wiring/torus_grid.hpp"

namespace lockstep {

/// A dimension of a group's grid, as a schedule sees it.
struct TorusDimension {
  std::int64_t side = 1;
  double latency = 0;  ///< of a hop [s]
  double rate = 0;     ///< of the slowest hop [s/B]
  bool ring = true;    ///< else a line, without the hop from its end to its beginning
};
using TorusDimensions = std::array<TorusDimension, torus_dimensions>;

/// What a step does along a dimension.
enum class TorusMotion {
  scatter,   ///< reduce-scatter
  gather,    ///< all-gather
  turn,      ///< reduce-scatter and right after it all-gather
  exchange,  ///< all-to-all
};

/// One part of the buffer along the lines of one dimension: on a line and in an exchange both ways,
/// else one way.
struct TorusStep {
  std::size_t part;
  std::size_t dimension;
  TorusMotion motion;
  bool forward;                ///< on a ring: messages come from the rank before
  double bytes;                ///< of one message; of what one rank has for another on a line [B]
  std::int64_t first_row = 0;  ///< number of its first row of messages

  int passes() const { return motion == TorusMotion::turn ? 2 : 1; }
};

/// All-to-all on a ring of `side`: what a message of a row carries, in blocks that one rank has for
/// another. What goes as far as half the ring is half there and half here.
constexpr double exchange_blocks(std::int64_t side, std::int64_t row) {
  return static_cast<double>(side / 2 - row) - (side % 2 == 0 ? 0.5 : 0);
}

/// How an operation goes over the dimensions of a torus: the buffer in parts, each with an order of
/// the dimensions and on rings a way round, and on every link the sequence of the parts that pass.
///
/// Scattering, a part is reduce-scattered along its first dimension's rings, then its second's on
/// what is left, and so on; gathering, it goes back in reverse. Orders are the rotations of the
/// dimensions longer than 1, in one of the two cyclic orders. An order's share is cut into pieces;
/// on every link the first dimensions of all pieces come first, then the second ones of the pieces
/// that arrive, then the third. A network between slices comes last in every order; shares are
/// those of one slice alone.
///
/// All-to-all: along each dimension a rank passes on what goes on, all of the part every time. An
/// exchange between slices is a ring of them.
///
/// Shares: those of least time of the reduce-scatter without latency, a linear program over what
/// each piece takes and when it ends, each dimension's slowest hop for all its hops. They load
/// every link in proportion to what it carries where sides and rates allow it, which is the
/// bandwidth bound (P - 1) / P n / (2 sum of 1 / rate) a reduce-scatter. An order has as few
/// pieces, up to four, as come within 1 % of the least time without latency, for each costs rows of
/// messages; of these, of fewer and of even shares those of least noise-free time are taken. Source
/// of the orders: Jain and Sabharwal, "Optimal bucket algorithms for large MPI collectives on torus
/// interconnects" (ICS'10).
///
/// Dimensions are looked at in an order of their lengths and rates, so that names say nothing.
class TorusSchedule {
 public:
  /// `bytes`: buffer of each rank. Cost: up to some ms.
  TorusSchedule(Operation operation, double bytes, const TorusDimensions& dimensions);

  const std::vector<TorusStep>& steps() const { return steps_; }  ///< in an order that can be run
  std::size_t parts() const { return parts_; }
  /// Rows of messages, one a rank each.
  std::int64_t rows() const { return rows_; }
  bool ring(std::size_t dimension) const { return dimensions_[dimension].ring; }
  bool both_ways(const TorusStep& step) const {
    return step.motion == TorusMotion::exchange || !ring(step.dimension);
  }
  /// Whether a step goes forward, or backward.
  bool goes(const TorusStep& step, bool forward) const {
    return both_ways(step) || step.forward == forward;
  }
  /// Rows of a step one way.
  std::int64_t rows_of(const TorusStep& step) const;
  /// Bytes of a message in a row [B].
  double bytes_of(const TorusStep& step, std::int64_t row) const {
    return step.motion == TorusMotion::exchange && ring(step.dimension)
               ? step.bytes * exchange_blocks(dimensions_[step.dimension].side, row)
               : step.bytes;
  }
  /// Whether there is a message into a place in a row of a step.
  bool leads_into(const TorusStep& step, bool forward, std::int64_t row, std::int64_t place) const;
  /// Without noise, every hop of a dimension its slowest, all ready at once [s].
  double noise_free_time() const { return time_; }

 private:
  /// Parts by (order, piece): what every path through the dimensions carries of the buffer.
  struct Shares {
    std::vector<std::vector<std::size_t>> orders;
    std::size_t pieces = 1;
    std::vector<double> share;  ///< (orders, pieces), in sum 1
  };

  struct Candidate {
    Shares shares;
    double time, carried;  ///< noise-free, with latency and without [s]
  };

  Shares even_shares(std::vector<std::vector<std::size_t>> orders) const;
  Shares best_shares(Operation operation, std::vector<std::vector<std::size_t>> orders,
                     std::size_t pieces) const;
  void build(Operation operation, double bytes, const Shares& shares);
  void add_step(std::size_t part, std::size_t dimension, TorusMotion motion, bool forward,
                double bytes);
  double time_of_steps(bool with_latency) const;
  /// All that a link of a dimension carries, one way, of a part of 1 B a rank that has been over
  /// the dimensions before [B].
  double carried(Operation operation, const std::vector<std::size_t>& order,
                 std::size_t depth) const;
  /// No time is less, with slices too: what the links of a torus must carry together [s].
  double bandwidth_bound(Operation operation, double bytes) const;

  TorusDimensions dimensions_;
  std::size_t halves_ = 2;  ///< parts of a piece: one for each way round
  std::vector<TorusStep> steps_;
  std::size_t parts_ = 0;
  std::int64_t rows_ = 0;
  double time_ = 0;
};

}  // namespace lockstep
