#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/run/result.hpp"
#include "engine/storage/identity.hpp"

namespace lockstep::sample {

/// Size and identity of a synthetic study.
struct Shape {
  bool axes = true;
  std::int64_t trials = 40;  ///< not a multiple of the block: the last one is short
  std::int64_t steps = 5;
  std::uint64_t seed = 18446744073709551615u;
  std::string study_id = "5a";
  std::int64_t many_points = 0;  ///< a third axis of this length
};

/// A result whose values are known: value() of variable, design point, trial and place in the
/// trial.
inline ResultSchema make_schema(const Shape& shape) {
  ResultSchema schema;
  schema.title = "Synthetic study, 7 µs";
  schema.study_text = "title = Synthetic study\n[fleet]\nchips = H100:512\n";
  schema.overrides = {"--set job.tensor=8", "--trials 40"};
  schema.warnings = {"this is meant", "And 2 more such lines."};
  schema.resolved_parameters = "fleet.chips = H100:512\njob.tensor = 8\n";
  schema.study_id = shape.study_id;
  schema.seed = shape.seed;
  schema.program_version = "0.1.0";
  schema.git_commit = "0123abc";
  if (shape.axes) {
    schema.axes.push_back({"topology.kind", {"ring", "tree", "torus"}, {}, ""});
    schema.axes.push_back({"noise.spike_probability", {"0", "1e-6"}, {0, 1e-6}, "1"});
  }
  if (shape.many_points > 0) {
    Axis axis{"job.tensor", {}, {}, "1"};
    for (std::int64_t i = 0; i < shape.many_points; ++i) {
      axis.labels.push_back(std::to_string(i));
      axis.numbers.push_back(static_cast<double>(i));
    }
    schema.axes.push_back(axis);
  }
  schema.trials = shape.trials;
  schema.steps = shape.steps;
  schema.extents = {{"chip_generation", {"H100", "GB200"}, "chip generation"},
                    {"cause", {"checkpoint", "lost_work"}, "what time was lost to"},
                    {"phase", {"compute", "gradients", "optimizer"}, "part of a step"}};
  schema.variables = {
      {"step_time", {"step"}, "s", "time from one step's end to the next"},
      {"compute_time_by_generation", {"step", "chip_generation"}, "s", "compute time of a step"},
      {"goodput", {}, "1", "useful step time over wall time"},
      {"time_lost", {"cause"}, "s", "wall time lost"}};
  PointVariable replicas{"replicas", {}, "1", "copies of the model", {}, {}};
  PointVariable choice{"fleet_shape", {}, "1", "fleet as placed", {}, {}};
  PointVariable exposed{"phase_exposed", {"phase"}, "s", "what each part adds", {}, {}};
  for (std::int64_t point = 0; point < schema.points(); ++point) {
    replicas.numbers.push_back(static_cast<double>(64 + point));
    choice.texts.push_back("shape " + std::to_string(point));
    for (int phase = 0; phase < 3; ++phase)
      exposed.numbers.push_back(static_cast<double>(point) + phase / 4.0);
  }
  schema.point_variables = {replicas, choice, exposed};
  return schema;
}

/// Exactly representable and different everywhere; every 11th trial of goodput is NaN, as
/// for a metric that does not exist there.
inline double value(std::size_t variable, std::int64_t point, std::int64_t trial,
                    std::int64_t place) {
  if (variable == 2 && trial % 11 == 10) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(variable + 1) * 4096 + static_cast<double>(point) +
         static_cast<double>(trial) / 1024 + static_cast<double>(place) / 1048576;
}

inline BlockResult make_block(const ResultSchema& schema, std::int64_t number) {
  BlockResult block = place_of(schema, number);
  for (std::size_t v = 0; v < schema.variables.size(); ++v) {
    const std::int64_t per_trial = schema.values_per_trial(schema.variables[v]);
    std::vector<double> values;
    for (std::int64_t trial = 0; trial < block.trials; ++trial)
      for (std::int64_t place = 0; place < per_trial; ++place)
        values.push_back(value(v, block.point, block.first_trial + trial, place));
    block.values.push_back(values);
  }
  return block;
}

inline RuntimeInfo make_runtime() {
  return {
      "2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z", "host", "avx2", "lockstep run", 2, 10, 19};
}

/// Blocks of shard `index` of `count`, dealt in turn.
inline std::vector<std::int64_t> blocks_of_shard(const ResultSchema& schema, const Shard& shard) {
  std::vector<std::int64_t> blocks;
  for (std::int64_t b = shard.index; b < schema.blocks(); b += shard.count) blocks.push_back(b);
  return blocks;
}

}  // namespace lockstep::sample
