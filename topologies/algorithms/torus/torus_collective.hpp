#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/network/collective.hpp"
#include "topologies/algorithms/torus/torus_buffers.hpp"
#include "topologies/algorithms/torus/torus_schedule.hpp"
#include "topologies/wiring/torus_groups.hpp"
#include "topologies/wiring/torus_links.hpp"
#include "topologies/wiring/torus_shape.hpp"

namespace lockstep {

/// The dimensions of some groups of a torus, on links of the slowest chips.
TorusDimensions torus_dimensions_of(const TorusGroups& groups, const TorusFabric& fabric);
/// The sub-torus of a group, hop by hop, as TorusGroups has it: by its sides for data-parallel and
/// tensor groups and pipelines, else rank by rank. None where a group is no sub-torus.
std::optional<TorusDimensions> torus_dimensions_of(const TorusShape& shape,
                                                   const GroupShape& groups,
                                                   const TorusFabric& fabric);

/// A few bytes reduced over all chips to one in the middle and sent back [s].
double torus_scalar_time(const TorusShape& shape, const Fabric& fabric);

/// Larger than what was published: a torus of `largest` chips, and slices of 50,944 together (199
/// pods of TPU v5e, Google Cloud's job of November 2023).
bool beyond_published(const TorusShape& shape, std::int64_t largest);

/// What Collective::choice says of a shape.
std::string torus_choice(const TorusShape& shape);

/// An operation on a 3-D torus, or on slices of several, dimension by dimension, for groups that
/// are sub-tori. TorusSchedule says which part of the buffer goes which way when; a link that a
/// part enters late takes it up when the part before on that link is through. TorusLinks says what
/// a hop costs.
///
/// All-reduce, reduce-scatter, all-gather: on a ring every rank passes on what it got, d - 1 rows
/// of messages (bucket algorithm). On a line of d chips each end's parts go to the other end, d - 1
/// rows both ways: row s of a reduce-scatter leads into the places 1 to s + 1 from the beginning,
/// of an all-gather into s + 1 and after. Equal hops, equal rings d, all ready: all-reduce
/// 2 sum (d - 1) a + 2 (P - 1) / P n / (6 B).
///
/// All-to-all: on a ring of d, d / 2 rows both ways, each of what goes on from there, in all d / 8
/// of the buffer a link; on a line, d / 4 (TorusPhaseRunner::run_line_exchange).
///
/// Rows are numbered step by step, on lines forward and then backward; message number = row n +
/// rank into which, and a line's rows leave numbers out. Cost: 0.8 ns for each rank of a step, and
/// TorusPhaseRunner's on lines with an event.
class TorusCollective final : public Collective {
 public:
  /// `largest_published`: chips of the largest torus of the kind that was published. Throws
  /// InputError where the groups are no sub-tori.
  TorusCollective(const CollectiveRequest& request, const TorusShape& shape,
                  std::int64_t largest_published);

  int links_per_chip() const override { return links_.links_per_chip(); }
  /// So many lines side by side fill a register, however short the rows of a small torus. Long ones
  /// whose hops differ go one by one in any case.
  std::int64_t groups_per_call() const override;
  std::int64_t most_alone() const override { return groups_per_call() / 2; }
  std::int64_t messages_per_group() const override { return schedule_.rows() * grid().ranks(); }
  double cost_per_step(const Noise& noise) const override;
  double scalar_all_reduce_time() const override { return scalar_time_; }
  std::string choice() const override { return torus_choice(shape_); }
  bool extrapolated() const override { return beyond_published(shape_, largest_published_); }
  std::vector<std::int64_t> slowed_groups(std::span<const double> link,
                                          std::int64_t /*ranks*/) const override {
    return links_.slowed_groups(link);
  }
  std::unique_ptr<CollectiveTrial> begin_trial(const LinkState& links) const override;
  MessageGraph graph(std::int64_t group, const LinkState& links) const override;

 private:
  friend class TorusTrial;
  /// A row of messages: the row-th of a step, over its passes, one way.
  struct Row {
    std::size_t step;
    bool forward;
    std::int64_t row;
  };

  const TorusGrid& grid() const { return groups_.grid(); }
  void number_rows();

  TorusShape shape_;
  std::int64_t largest_published_;
  TorusGroups groups_;
  TorusLinks links_;
  TorusSchedule schedule_;
  TorusBuffers buffers_;
  double scalar_time_ = 0;
  std::vector<Row> rows_;  // by number
};

}  // namespace lockstep
