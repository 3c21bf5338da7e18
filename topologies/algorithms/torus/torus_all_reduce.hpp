#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/wiring/cube_slices.hpp"
#include "topologies/wiring/torus_grid.hpp"
#include "topologies/wiring/torus_links.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// All-reduce on a 3-D torus, dimension by dimension, for strided data-parallel sub-tori.
///
/// The buffer is split evenly over the orders of the dimensions (rotations of those longer than 1)
/// and the two directions, so that all links work. Each part reduce-scatters along its first
/// dimension's rings, then its second's on what is left, then its third's, and all-gathers back in
/// reverse. In each round every order is in another dimension; a link that an order's phase enters
/// late takes it up when the phase before on that link is through. TorusLinks says what a hop
/// costs. Three unequal sides can be rotated in two ways that are not each other's names, (a, b, c)
/// and (a, c, b); the one of less noise-free time is taken, so that the order in which sides are
/// given says nothing.
///
/// Equal hops, equal sides, all ready: 2 sum (d - 1) a + 2 (P - 1) / P n / (6 B). Source: the
/// bucket algorithm of Jain and Sabharwal, "Optimal bucket algorithms for large MPI collectives on
/// torus interconnects" (ICS'10). Messages: 2 x 6 (d1 + d2 + d3 - 3) rows of n a group, each row
/// numbered in the order round, order, direction, step; message number = row n + rank. Cost: 0.8 ns
/// for each of the 36 n ranks of phases, and TorusPhaseRunner's on lines with an event.
class TorusAllReduce final : public Collective {
 public:
  /// `largest_published`: chips of the largest machine of the kind that was published.
  TorusAllReduce(const CollectiveRequest& request, const TorusShape& shape,
                 std::int64_t largest_published);

  int links_per_chip() const override { return 3; }
  /// So many lines side by side fill a register, however short the rows of a small torus.
  std::int64_t groups_per_call() const override { return 8; }
  std::int64_t messages_per_group() const override { return rows() * grid_.ranks(); }
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string choice() const override;
  bool extrapolated() const override;
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class TorusTrial;

  /// One part along the lines of one dimension.
  struct Phase {
    std::size_t part;  ///< order * 2 + direction (forward first)
    std::size_t link;  ///< part whose phase before was on these links; itself: no wait for them
    std::size_t dimension;
    bool forward;
    double bytes;                           ///< of one message [B]
    int passes;                             ///< 2 where reduce-scatter turns into all-gather
    std::array<std::int64_t, 2> first_row;  ///< number of each pass's first row of messages
  };
  /// A row of messages: the row-th of the phase, over its passes.
  struct Row {
    std::size_t phase;
    std::int64_t row;
  };

  std::int64_t rows() const { return static_cast<std::int64_t>(rows_.size()); }
  /// `dimensions`: those longer than 1, as the first order goes through them.
  void plan_phases(double bytes, const std::vector<std::size_t>& dimensions);
  /// Of the planned phases, every hop of a dimension its slowest; all ready [s].
  double noise_free_time(const std::array<double, 3>& slowest_rate) const;

  TorusShape shape_;
  std::int64_t largest_published_;
  TorusGrid grid_;
  TorusLinks links_;
  std::int64_t groups_;
  double scalar_time_ = 0;
  std::size_t orders_ = 0;
  std::vector<Phase> phases_;  // (2 orders - 1 rounds, orders, directions)
  std::vector<Row> rows_;      // by number
};

/// The parameter that static and optical torus share.
const Parameter& torus_shape_parameter();

/// What static and optical torus share of their rows: all but name, summary and source. `unit`:
/// side of the cubes that the torus is made of.
template <std::int64_t unit, std::int64_t largest_published>
TopologyKind torus_kind(std::string_view name, std::string_view summary, std::string_view source) {
  static constexpr auto shape_of = [](const Values& values, std::int64_t replicas,
                                      std::int64_t model_parallel) {
    return torus_shape(values.text("topology.shape"), replicas * model_parallel, model_parallel,
                       unit);
  };
  // Fixed wiring: a block as large that is whole. The machine extends the job's torus along its
  // longest dimension, where planes of spare chips continue it.
  static constexpr auto replace_plane = [](const Values& values, std::int64_t replicas,
                                           std::int64_t model_parallel) -> Replacement {
    const TorusShape shape = shape_of(values, replicas, model_parallel);
    return {.unit_chips = shape.volume() / *std::ranges::max_element(shape.chips),
            .consecutive = true};
  };
  return {
      .name = name,
      .summary = summary,
      .source = source,
      .parameters = {&torus_shape_parameter(), 1},
      .usable_replicas =
          [](const Values& values, std::int64_t replicas, std::int64_t model_parallel) {
            return shape_of(values, replicas, model_parallel).volume() / model_parallel;
          },
      .make = [](const CollectiveRequest& request) -> std::unique_ptr<Collective> {
        const Layout& layout = request.layout;
        return std::make_unique<TorusAllReduce>(
            request, shape_of(request.values, layout.replicas, layout.groups()), largest_published);
      },
      .replacement = unit == torus_cube_side ? replace_cube : replace_plane,
      .slices = unit == torus_cube_side ? slices_of_cubes : slices_of_boxes,
      .parts = unit == torus_cube_side ? ocs_torus_parts : torus_parts,
  };
}

}  // namespace lockstep
