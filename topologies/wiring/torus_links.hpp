#pragma once

#include <array>
#include <span>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/wiring/torus_groups.hpp"

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
  std::array<std::vector<double>, torus_dimensions> equal;
  /// By dimension: the other lines, by group and line.
  std::array<std::vector<Line>, torus_dimensions> unequal;

  /// Of a hop into `rank` [s/B]. Cost: a search of the group's unequal lines.
  double hop(const TorusGrid& grid, std::size_t dimension, bool forward, std::int64_t group,
             std::int64_t rank) const;
  /// The unequal lines of groups first .. last-1.
  std::span<const Line> unequal_of(std::size_t dimension, std::int64_t first,
                                   std::int64_t last) const;
};

/// What a hop of a torus costs by the fabric and the slowest chips alone.
class TorusFabric {
 public:
  TorusFabric(const Fabric& fabric, const Fleet& fleet);
  /// Chips all alike, links without latency, 1 B/s each.
  static TorusFabric equal();

  /// Of a hop over `span` links, each shared by as many [s].
  double latency(std::size_t dimension, std::int64_t span) const;
  /// Of a hop between chips of two generations, one way [s/B].
  double rate(std::size_t dimension, std::int64_t span, std::size_t generation,
              std::size_t other) const;
  /// Of the slowest generation [s/B].
  double slowest_rate(std::size_t dimension, std::int64_t span) const;

 private:
  TorusFabric() = default;

  bool uniform_ = false;
  std::array<double, torus_dimensions> latency_{};
  std::array<std::vector<double>, torus_dimensions> bandwidth_;  // by generation, one way [B/s]
};

/// The links that a hop of a strided sub-torus crosses. A chip owns the cable towards the next chip
/// in each dimension, and its NIC, which both ways round between slices share. A hop of a group
/// spans `span` cables and shares each with as many groups on its line: latency x span, bandwidth /
/// span, and the slowest cable sets the pace. Where optical switches replace slow cables
/// (TorusShape::repatched), those between cubes are as healthy ones.
class TorusLinks {
 public:
  TorusLinks(const CollectiveRequest& request, const TorusGroups& groups);

  double hop_latency(std::size_t dimension) const { return hop_latency_[dimension]; }  ///< [s]
  /// By dimension, of healthy links; 0 where there are none [s/B].
  std::array<double, torus_dimensions> slowest_rates() const;
  /// Lines of a dimension have unequal hops on healthy links.
  bool unequal(std::size_t dimension) const { return !healthy_.unequal[dimension].empty(); }
  /// Cables of a chip, and its NIC where there are slices.
  int links_per_chip() const { return groups_.side(slice_dimension) > 1 ? 4 : 3; }
  /// Cost: a look at every link, and a few ns for each hop of a line with a slow one.
  TorusRates rates(const LinkState& links) const;
  /// Those with a hop over a slow cable, in order.
  std::vector<std::int64_t> slowed_groups(std::span<const double> link) const;

 private:
  void set_healthy(const CollectiveRequest& request, const TorusFabric& fabric);
  std::vector<std::int64_t> slow_cables(std::span<const double> factor,
                                        std::size_t dimension) const;
  template <class Visit>
  void visit_hops(std::size_t dimension, std::int64_t cable, const Visit& visit) const;
  void slow_down(std::span<const double> factor, std::size_t dimension, TorusRates& rates) const;

  TorusGroups groups_;
  std::array<double, torus_dimensions> hop_latency_{};
  TorusRates healthy_;  ///< on healthy links
};

}  // namespace lockstep
