#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/network/collective.hpp"
#include "engine/serving/cell/cell.hpp"
#include "engine/serving/fleet/fleet_cells.hpp"
#include "engine/training/scenario.hpp"

namespace lockstep {

/// All-reduces of the activations of tokens (two bytes a number) among the chips of one replica, by
/// the study's topology: two a layer (Megatron-LM, arXiv 1909.08053). Replicas speak each for
/// itself: on a switched fabric from where its chips stand; on a torus, as a slice of its own of
/// the shape that the topology chooses for so many chips, whatever the job's.
///
/// What links of a replica do that reach beyond a scale-up domain, or are a torus', is that of the
/// training of the same trial: slow links and their episodes of the same chips by the same draws,
/// congestion of the same law, whose state is that of the first step at time 0.
class ReplicaLinks {
 public:
  /// `scenario` must outlive it. `hidden`: width of a layer.
  ReplicaLinks(const Scenario& scenario, const Values& values, const Placement& placement,
               double hidden);

  /// One all-reduce of the generation's first replica on healthy links, of 1, 2, 4, ... tokens up
  /// to `most` or more; zeros where the generation has too few chips [s]. Throws InputError where
  /// the topology cannot join so many chips.
  std::vector<double> times(std::size_t generation, std::int64_t chips, std::int64_t most) const;
  /// Whether noise of the study's links reaches replicas of so many chips.
  bool reach(std::size_t generation, std::int64_t chips) const;

  /// (replicas) as the trial begins, and what changes up to `end` [s], in order of time. A state
  /// holds for a second, or a 250th of the time where that is longer: that at its start.
  /// Looks in between whether it is given up. `reached` (generations): whose replicas are asked
  /// for; others are never slowed.
  struct Course {
    std::vector<LinkDelay> delays;
    std::vector<CellChange> changes;
  };
  Course of(std::span<const ReplicaPlace> places, const std::vector<bool>& reached,
            std::uint32_t trial, double end, const Execution& how) const;

 private:
  struct Replica;

  Layout layout_of(const ReplicaPlace& place) const;
  std::unique_ptr<Collective> collective(const Layout& layout, double tokens) const;
  static double time_of(const Collective& collective, const LinkState& links, std::int64_t chips);

  const Scenario& scenario_;
  Values values_;
  double hidden_;
  std::vector<std::vector<std::int32_t>> slots_;    // (generations, chips by index)
  std::vector<std::vector<std::int32_t>> domains_;  // the same
};

}  // namespace lockstep
