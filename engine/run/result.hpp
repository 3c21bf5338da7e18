#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/training/capability/metric.hpp"

namespace lockstep {

/// One variable over (axes..., extents...): what is known of a design point before any trial.
/// Exactly one of the two vectors is filled, (points, extents...) row-major.
struct PointVariable {
  std::string name;                  ///< "replicas", "topology_choice"
  std::vector<std::string> extents;  ///< names of its further dimensions: {}, {"phase"}
  std::string units;
  std::string long_name;
  std::vector<double> numbers;
  std::vector<std::string> texts;
};

/// One swept key with its values in study order. Numeric axes fill `numbers` (SI) and `units`;
/// `labels` always holds the values as written.
struct Axis {
  std::string key;  ///< "topology.kind"
  std::vector<std::string> labels;
  std::vector<double> numbers;
  std::string units;
};

/// Everything about a run that stands in its file, fixed before the first trial.
/// Design points are numbered row-major over `axes` (the last axis runs fastest); blocks are
/// numbered point-major: block = point * blocks_per_point() + (trial / block_trials).
struct ResultSchema {
  std::string title;
  std::string study_text;              ///< the study file, verbatim
  std::vector<std::string> overrides;  ///< "--set key=value", "--trials 100", in order
  std::vector<std::string> warnings;   ///< what probably is not meant, a line each
  std::string resolved_parameters;     ///< one "key = value" line per parameter, canonical
  std::string study_id;                ///< SHA-256, see DESIGN of the file in FORMAT.md
  std::uint64_t seed = 0;
  std::string program_version;
  std::string git_commit;
  std::vector<Axis> axes;
  std::int64_t trials = 0;  ///< per design point; under a rule, until it ends the run, the most
  std::string until;        ///< stopping rule; "" for a fixed number of trials
  bool until_met = false;   ///< the rule ended the run, not sampling.max_trials
  std::int64_t block_trials = 16;
  std::int64_t steps = 0;       ///< recorded, after warm-up
  std::vector<Extent> extents;  ///< that variables name beside "step"
  std::vector<Variable> variables;
  std::vector<PointVariable> point_variables;

  std::int64_t points() const {
    std::int64_t n = 1;
    for (const Axis& axis : axes) n *= static_cast<std::int64_t>(axis.labels.size());
    return n;
  }
  std::int64_t blocks_per_point() const { return (trials + block_trials - 1) / block_trials; }
  std::int64_t blocks() const { return points() * blocks_per_point(); }
  /// Coordinate of a dimension; nothing where there is none of this name, as of "step".
  std::span<const std::string> labels_of(std::string_view extent) const {
    for (const Extent& known : extents)
      if (known.name == extent) return known.labels;
    return {};
  }
  std::int64_t size_of(std::string_view extent) const {
    return extent == step_extent ? steps : std::ssize(labels_of(extent));
  }
  /// Values that these dimensions together hold.
  std::int64_t size_of(std::span<const std::string> of) const {
    std::int64_t n = 1;
    for (const std::string& extent : of) n *= size_of(extent);
    return n;
  }
  /// Values of `variable` in one trial.
  std::int64_t values_per_trial(const Variable& variable) const {
    return size_of(variable.extents);
  }
};

/// Size of the values of one trial [B].
inline double trial_bytes(const ResultSchema& schema) {
  double values = 0;
  for (const Variable& variable : schema.variables)
    values += static_cast<double>(schema.values_per_trial(variable));
  return sizeof(double) * values;
}

/// Expected size of the complete file [B]: its values, and texts and coordinates around them.
inline double result_bytes(const ResultSchema& schema) {
  constexpr double around = 50e3;
  double known = 0;
  for (const PointVariable& variable : schema.point_variables)
    known += sizeof(double) * static_cast<double>(variable.numbers.size());
  return around + known +
         trial_bytes(schema) * static_cast<double>(schema.trials * schema.points());
}

/// Where a run ended that a stopping rule governs.
struct Stop {
  std::int64_t trials = 0;  ///< of each design point
  bool met = false;         ///< by the rule; else sampling.max_trials ended it
};

/// The finished trials of one block.
struct BlockResult {
  std::int64_t block = 0;        ///< number in the plan
  std::int64_t point = 0;        ///< design point
  std::int64_t first_trial = 0;  ///< within the design point
  std::int64_t trials = 0;       ///< block_trials, or fewer in a point's last block
  /// One vector per ResultSchema::variables, each (trials, extents...) row-major.
  std::vector<std::vector<double>> values;
};

/// Which part of a study a task runs: shard `index`, from 0, of `count`.
struct Shard {
  std::int64_t index = 0;
  std::int64_t count = 1;
};

/// Where finished blocks go. One thread calls it, in plan order (skipping blocks not asked for).
class ResultSink {
 public:
  virtual ~ResultSink() = default;
  /// Takes one block. Throws IoError when it cannot be kept.
  virtual void write(const BlockResult& block) = 0;
};

/// What may differ between equal runs: stands in /runtime and nowhere else.
struct RuntimeInfo {
  std::string started_utc, finished_utc, host, simd_level, command_line;
  int threads = 0;
  double elapsed_s = 0, cpu_s = 0;
};

}  // namespace lockstep
