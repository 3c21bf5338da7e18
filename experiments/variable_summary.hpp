#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/storage/result_reader.hpp"
#include "experiments/answers.hpp"

namespace lockstep {

/// Mean, p50, p95, p99 and p99.9 of a variable with their 95 % intervals: a row per design point,
/// or per design point and generation or cause. Memory: the variable at one design point.
Answers summarize_variable(const ResultFile& file, const Variable& variable);

/// Paired differences between the design points at two values of one axis.
struct Comparison {
  std::size_t axis;
  std::size_t first, second;  ///< labels of that axis
};

/// Reads "topology.kind=ring,tree". Throws InputError: no such axis, not two different values of
/// it; the message names the nearest.
Comparison parse_comparison(std::string_view text, const std::vector<Axis>& axes);

/// What the second value has more than the first of mean, p50 and p99, absolute and relative: a row
/// per combination of the other axes.
Answers compare(const ResultFile& file, const Variable& variable, const Comparison& comparison);

/// A line for each law of the study, and for each design point's trials of `variable`, whose
/// variance is not finite, so that means and their intervals may be far off.
std::vector<std::string> variance_warnings(const ResultFile& file, const Variable& variable);

/// The element of `items` with this name. Throws InputError "OPTION NAME (the file has no such
/// WHAT) did you mean NEAREST?", or lists the known ones.
std::size_t find_named(std::string_view option, std::string_view what, std::string_view name,
                       std::span<const std::string> known);

}  // namespace lockstep
