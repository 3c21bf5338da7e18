#pragma once

#include <array>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/wiring/torus_grid.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// What the hops of a torus cost on the links of one trial, line by line: most have equal hops.
struct TorusRates {
  struct Line {
    std::int64_t group, line;
    std::vector<double> rate;  ///< (length) of the hop forward into each place [s/B]
  };
  /// A line goes where its rates belong.
  void add(std::size_t dimension, std::int64_t lines, Line line);

  /// By dimension: (groups, lines) of the lines with equal hops, both ways [s/B].
  std::array<std::vector<double>, 3> equal;
  /// By dimension: the other lines, by group and line.
  std::array<std::vector<Line>, 3> unequal;

  /// Of a hop into `rank` [s/B]. Cost: a search of the group's unequal lines.
  double hop(const TorusGrid& grid, std::size_t dimension, bool forward, std::int64_t group,
             std::int64_t rank) const;
  /// The unequal lines of groups first .. last-1.
  std::span<const Line> unequal_of(std::size_t dimension, std::int64_t first,
                                   std::int64_t last) const;
};

/// The links that a hop of a strided sub-torus crosses. A chip owns the cable towards the next chip
/// in each dimension. A hop of a group spans `box` cables and shares each with the `box` groups on
/// its line: latency x box, bandwidth / box, and the slowest cable sets the pace.
class TorusLinks {
 public:
  TorusLinks(const CollectiveRequest& request, const TorusShape& shape);

  double hop_latency(std::size_t dimension) const { return hop_latency_[dimension]; }  ///< [s]
  /// By dimension, of healthy links; 0 where there are none [s/B].
  std::array<double, 3> slowest_rates() const;
  /// Cost: a look at every link, and a few ns for each hop of a line with a slow one.
  TorusRates rates(const LinkState& links) const;

 private:
  void set_healthy(const CollectiveRequest& request);
  template <class Visit>
  void visit_hops(std::size_t dimension, std::int64_t cable, const Visit& visit) const;
  void slow_down(std::span<const double> factor, std::size_t dimension, TorusRates& rates) const;

  TorusGrid grid_;
  std::array<std::int64_t, 3> box_, box_stride_;  ///< of a model-parallel group's places
  std::int64_t groups_;
  std::array<double, 3> hop_latency_{}, sharing_{};  ///< sharing: hops that share a link
  TorusRates healthy_;                               ///< on healthy links
};

}  // namespace lockstep
