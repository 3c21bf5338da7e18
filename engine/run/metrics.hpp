#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/model/trial.hpp"
#include "engine/run/result.hpp"

namespace lockstep {

/// One variable that every trial yields: a row of the table that file, summary and docs read.
struct Metric {
  Variable variable;
  bool needs_work;  ///< absent where the study gives job.compute_time in place of tokens
  /// The trial's values, in the order of the extents; chip_generation is the fleet's own here.
  std::span<const double> (*values)(const TrialResult&);
};

std::span<const Metric> metrics();

}  // namespace lockstep
