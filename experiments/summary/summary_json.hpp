#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/storage/result_reader.hpp"
#include "experiments/summary/comparison.hpp"

namespace lockstep {

/// What `summary --json` is asked for.
struct JsonRequest {
  std::vector<Variable> variables;    ///< of answers and differences
  std::vector<Variable> looked_into;  ///< of the parts below
  std::vector<std::int64_t> points;   ///< of all but differences
  std::vector<Pair> pairs;
  std::optional<Comparison> comparison;
  bool distribution = false, convergence = false, sensitivity = false;
};

/// The one JSON object of a file, as analysis/SUMMARY.md has it. Memory: its text, and a variable
/// at one design point.
std::string summary_json(const ResultFile& file, const JsonRequest& request,
                         const std::vector<std::string>& warnings);

}  // namespace lockstep
