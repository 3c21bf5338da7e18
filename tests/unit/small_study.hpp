#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/base/parameter.hpp"
#include "engine/run/study/study.hpp"

namespace lockstep {

/// A table of parameters small enough to know by heart: every value type, ranges with and without
/// their bounds, words, an absent default, starred rows with and without a default.
inline const std::vector<Parameter>& study_rows() {
  static const std::vector<Parameter> rows = [] {
    std::vector<Parameter> made;
    const auto row = [&](std::string_view key, ValueType type, std::string_view default_text,
                         std::pair<double, double> range = {0, 1e300}) -> Parameter& {
      Parameter& added = made.emplace_back();
      added.key = key;
      added.number = static_cast<int>(made.size());
      added.type = type;
      added.default_text = default_text;
      std::tie(added.minimum, added.maximum) = range;
      added.shapes_arrays = type == ValueType::count;
      return added;
    };
    row("sampling.trials", ValueType::count, "100", {1, 1e9});
    row("sampling.steps", ValueType::count, "10", {1, 1e9});
    row("sampling.warmup_steps", ValueType::count, "2", {0, 1e9});
    row("sampling.seed", ValueType::count, "1");
    row("sampling.block", ValueType::count, "16", {1, 1e6});
    row("sampling.until", ValueType::text, "none");
    row("sampling.max_trials", ValueType::count, "10000", {1, 1e9});
    row("fleet.chips", ValueType::text, "");
    row("fleet.inventory", ValueType::text, "");
    row("fleet.chip_spread", ValueType::real, "0.005", {0, 1});
    row("chip.*.peak", ValueType::real, "").minimum_is_legal = false;
    row("chip.*.stack", ValueType::real, "1").minimum_is_legal = false;
    row("job.tensor", ValueType::count, "1", {1, 1e6});
    row("job.pipeline", ValueType::count, "1", {1, 1e6});
    row("job.compute_time", ValueType::real, "").dimension = Dimension::time;
    row("job.work_share", ValueType::choice, "equal").words = {"equal", "proportional", "isolated"};
    Parameter& latency = row("fabric.hop_latency", ValueType::real, "auto");
    latency.dimension = Dimension::time;
    latency.words = {"auto"};
    row("topology.kind", ValueType::choice, "ring").words = {"ring", "tree", "ocs_torus"};
    row("noise.hop_jitter", ValueType::law, "none").dimension = Dimension::time;
    return made;
  }();
  return rows;
}

using Lines = std::vector<std::pair<std::string, std::string>>;

/// Entries at s.ini:1, s.ini:2, ...
inline StudyText study_text(const Lines& lines, const std::string& directory = ".") {
  StudyText file{.path = "s.ini", .directory = directory, .text = "verbatim", .entries = {}};
  for (const auto& [key, value] : lines)
    file.entries.push_back({key, value, "s.ini:" + std::to_string(file.entries.size() + 1)});
  return file;
}

/// The study of these lines under `study_rows`, after these --set.
inline Study resolve(const Lines& lines, const Lines& sets = {}) {
  std::vector<StudyEntry> overrides;
  for (const auto& [key, value] : sets) overrides.push_back({key, value, "--set"});
  return resolve_study(study_text(lines), overrides, study_rows());
}

}  // namespace lockstep
