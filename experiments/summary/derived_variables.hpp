#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/statistics/support.hpp"
#include "engine/storage/result_reader.hpp"

namespace lockstep {

/// A variable that no file holds: made of those that it does, trial by trial.
struct DerivedVariable {
  Variable variable;
  bool (*present)(const ResultSchema&);
  /// (trials, extents...) of a design point, NaN where the file has none.
  std::vector<double> (*values)(const ResultFile&, std::int64_t point);
  /// As support_of (engine/run/metrics.hpp).
  Support (*support)(const ResultSchema&, std::int64_t point, std::string_view label);
};

std::span<const DerivedVariable> derived_variables();

}  // namespace lockstep
