#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/statistics/paired_difference.hpp"
#include "engine/storage/result_reader.hpp"
#include "experiments/summary/answers.hpp"
#include "experiments/summary/series.hpp"

namespace lockstep {

/// Two values of one axis.
struct Comparison {
  std::size_t axis;
  std::size_t first, second;  ///< labels of that axis
};

/// Reads "topology.kind=ring,tree". Throws InputError: no such axis, not two different values of
/// it; the message names the nearest.
Comparison parse_comparison(std::string_view text, const std::vector<Axis>& axes);

/// Design points whose trials are paired; of several on a side, the mean of each trial.
struct Pair {
  std::vector<std::int64_t> first, second;
};

/// Reads "0:1,0+4:1+5" for so many design points. Throws InputError.
std::vector<Pair> parse_pairs(std::string_view text, std::int64_t points);

/// What the second side has more than the first, of one generation or cause where the variable has
/// them.
struct Difference {
  Pair points;
  Labels element;
  std::int64_t trials = 0;  ///< with a value on both sides
  /// "mean", and with quantiles "p50" and "p99".
  std::vector<std::pair<std::string, PairedDifference>> statistics;
};

/// Of the means alone. Memory: the variable at a side's design points.
std::vector<Difference> differences(const ResultFile& file, const Variable& variable,
                                    const std::vector<Pair>& pairs);

/// Of mean, p50 and p99 at each combination of the axes beside that of the comparison.
std::vector<Difference> differences(const ResultFile& file, const Variable& variable,
                                    const Comparison& comparison);

/// The same as a table's rows.
Answers compare(const ResultFile& file, const Variable& variable, const Comparison& comparison);

}  // namespace lockstep
