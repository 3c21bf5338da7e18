#pragma once

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/text/text.hpp"
#include "engine/run/capabilities.hpp"
#include "engine/training/design_point.hpp"
#include "engine/training/jobs.hpp"
#include "engine/training/trial/trial.hpp"
#include "topologies/table.hpp"

namespace lockstep::test {

/// Every row that a study can name.
inline const std::vector<Parameter>& all_rows() {
  static const std::vector<Parameter> rows = [] {
    std::vector<Parameter> all = engine_parameters(capabilities());
    all.insert(all.end(), topology_parameters().begin(), topology_parameters().end());
    return all;
  }();
  return rows;
}

/// The row of a key, [chip.NAME] keys included. Throws std::logic_error on an unknown one.
inline const Parameter& row_of(std::string_view key) {
  std::string wanted(key);
  if (wanted.starts_with("chip.")) wanted = "chip.*" + wanted.substr(wanted.rfind('.'));
  for (const Parameter& row : all_rows())
    if (row.key == wanted) return row;
  throw std::logic_error("no parameter " + wanted);
}

/// Defaults of all rows, then the "key=value" lines in order.
inline Values scenario_values(std::string_view lines) {
  Values values;
  for (const Parameter& row : all_rows())
    if (row.key.find('*') == std::string_view::npos)
      values.set(std::string(row.key),
                 row.default_text.empty() ? Value{} : parse_value(row, row.default_text, "."));
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    const std::string_view line = trimmed(lines.substr(0, end));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    if (line.empty()) continue;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) throw std::logic_error("no '=' in " + std::string(line));
    const std::string_view key = trimmed(line.substr(0, equals));
    values.set(std::string(key), parse_value(row_of(key), trimmed(line.substr(equals + 1)), "."));
  }
  return values;
}

inline std::unique_ptr<DesignPoint> make_point(std::string_view lines, std::uint64_t seed = 1) {
  return std::make_unique<DesignPoint>(scenario_values(lines), topology_kinds(), seed);
}

/// With every capability.
inline Jobs make_jobs(std::string_view lines, std::uint64_t seed = 1) {
  return {scenario_values(lines), topology_kinds(), capabilities(), seed};
}

inline TrialResult run_one(std::string_view lines, std::uint64_t seed = 1,
                           std::uint32_t trial = 0) {
  return train(*make_point(lines, seed), trial, 1).result;
}

/// Share of the peak that the kernels reach where a study does not say.
inline double default_efficiency() {
  return scenario_values("").real("job.kernel_efficiency");
}

/// Everything random off.
inline constexpr std::string_view quiet = R"(
  fleet.chip_spread=0
  noise.step_jitter=0
  noise.operation_jitter=0
)";

/// Of a step's communication the gradients' all-reduce alone, in four buckets, so that that share
/// of the last backward pass hides it; no optimizer.
inline constexpr double hiding_share = 1 - 1.0 / 4;
inline constexpr std::string_view one_phase = R"(
  job.data_parallel=all_reduce
  job.buckets=4
  job.free_phases=tensor_gather, tensor_scatter, pipeline
  job.optimizer_bytes=0
)";

/// A network that costs nothing, so that steps are compute alone.
inline constexpr std::string_view free_network = R"(
  fabric.hop_latency=0s
  fabric.hop_bandwidth=1e15B/s
  job.gradient_bytes=0B
  job.data_parallel=all_reduce
  job.free_phases=tensor_gather, tensor_scatter, pipeline
  job.optimizer_bytes=0
)";

/// A replica without synchronization costs, from what each chip takes.
struct Replica {
  double slowest_stage;  ///< all its microbatches [s]
  double end;            ///< of its pipeline [s]
};

/// chip_time: (groups, replicas) [s].
inline Replica replica_of(const DesignPoint& point, std::int64_t replica,
                          const std::vector<double>& chip_time) {
  const Layout& layout = point.layout();
  std::vector<double> stages(static_cast<std::size_t>(layout.pipeline), 0.0);
  for (std::int64_t g = 0; g < layout.groups(); ++g) {
    double& stage = stages[static_cast<std::size_t>(g / layout.tensor)];
    stage = std::max(stage, chip_time[static_cast<std::size_t>(layout.at(g, replica))]);
  }
  const double microbatches = point.work().microbatches[static_cast<std::size_t>(replica)];
  return {
      *std::max_element(stages.begin(), stages.end()),
      PipelineSchedule({Schedule::interleaved, layout.pipeline, point.scenario().job.virtual_stages,
                        static_cast<std::int64_t>(microbatches)})
          .end(stages)};
}

/// One list of lines.
template <class... Lines>
std::string join(const Lines&... lines) {
  std::string all;
  ((all += lines, all += '\n'), ...);
  return all;
}

}  // namespace lockstep::test
