#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/run/capabilities.hpp"
#include "engine/run/result.hpp"
#include "engine/run/shards.hpp"
#include "engine/run/study/study.hpp"
#include "engine/run/study/uncertain.hpp"
#include "engine/training/jobs.hpp"

namespace lockstep {

/// A variable of the file, and where a trial's values of it stand.
struct PlannedMetric {
  Metric metric;
  std::size_t source;  ///< 0: training, 1 + c: capability c
  std::size_t row;     ///< among the metrics of its source
};

/// A study made ready to run: every design point checked, the file's schema fixed.
struct Plan {
  Study study;
  std::span<const Parameter> rows;
  std::span<const TopologyKind* const> topologies;
  std::span<const Capability* const> capabilities;
  std::span<const Phase> phases;
  ResultSchema schema;
  std::vector<PlannedMetric> metrics;  ///< behind the schema's first variables
  std::vector<std::string>
      input_keys;  ///< behind the schema's last variables, one "input.KEY" each
  std::vector<std::int64_t> trial_costs;  ///< of each design point, see shards.hpp
  /// What design points have alike, of those that were built.
  std::shared_ptr<KnownFacts> known = std::make_shared<KnownFacts>();
  /// The first points as they were built while planning, of a quarter of a million chips together,
  /// or the only one: most studies build nothing twice, and a large one keeps its memory.
  std::vector<std::shared_ptr<const Jobs>> kept;

  /// Blocks of one shard, ascending; all blocks for shard 0/1.
  std::vector<std::int64_t> blocks_of(Shard shard) const;

  /// What a design point's trials draw, a number each.
  std::vector<UncertainInput> inputs_of(std::int64_t point) const;

  /// A design point that is kept, or builds it, with uncertain inputs at their means. What is the
  /// same in `like`, another of the plan's, is shared. Throws InputError, as make_plan does, where
  /// it is impossible.
  std::shared_ptr<const Jobs> build(std::int64_t point, const Jobs* like = nullptr) const;
  /// Runs one block. `ready` is build(point of the block). Cost: that of its trials. Throws
  /// Interrupted where it is given up.
  BlockResult run_block(std::int64_t block, const Jobs& ready, const Execution& how) const;
};

/// Is shown each design point, in order, while it exists: building one can take long.
using PointVisitor = std::function<void(std::size_t point, const Jobs& jobs)>;

/// Builds every design point once, which finds the impossible ones and measures the noise-free
/// collective, and shows it to `visit` where one is given. Throws InputError with a line for each
/// problem: its place in the study, and the points that have it where not all do. `phases`: of a
/// step, which must outlive the plan.
Plan make_plan(Study study, std::span<const Parameter> rows,
               std::span<const TopologyKind* const> topologies,
               std::span<const Capability* const> capabilities, const PointVisitor& visit = {},
               std::span<const Phase> phases = lockstep::phases());

/// What the study says of its file's schema; what only its design points say, planning adds.
ResultSchema schema_of(const Study& study);

/// What planning finds of all design points together, the same for every shard.
struct PlannedPoints {
  ResultSchema schema;
  std::vector<std::int64_t> trial_costs;
};

/// The plan as make_plan makes it of the same study, lists and program, from what was found then:
/// no design point is built before a block needs it. Throws InputError where `points` has variables
/// that are not among the metrics.
Plan plan_from(Study study, PlannedPoints points, std::span<const Parameter> rows,
               std::span<const TopologyKind* const> topologies,
               std::span<const Capability* const> capabilities,
               std::span<const Phase> phases = lockstep::phases());

}  // namespace lockstep
