#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/study/study.hpp"

namespace lockstep {

/// The keys of an axis as written after "sweep.": one, or several in "(job.tensor, job.pipeline)".
/// Throws InputError when a list is malformed, has fewer than two keys, or names one twice.
std::vector<std::string> axis_keys(std::string_view text);

/// One axis with its values read: a row per label, a column per key.
struct AxisValues {
  Axis axis;  ///< axis.key is the keys, joined by ","
  std::vector<std::string> keys;
  std::vector<std::vector<std::string>> texts;  ///< as written, without quotes
  std::vector<std::vector<Value>> values;
  std::string place = {};  ///< where it stands: "colossus1.ini:30" or "--set"
};

/// Reads `text`, the values of an axis over `keys` whose rows are `rows` (one each). Numbers and
/// units of the axis are filled when it has one key and every value is a plain number.
/// Throws InputError with one line for each value that cannot be used or is given twice:
/// "sweep.KEY = value: problem (why) suggestion".
AxisValues read_axis(const std::vector<std::string>& keys, std::span<const Parameter* const> rows,
                     std::string_view text, const std::string& directory);

/// Fills points and point_names: the full grid over `axes`, the last one fastest, each point with
/// `base` and its axis values. Throws InputError above `most_design_points`.
void expand_points(const Values& base, std::span<const AxisValues> axes, Study& study);

/// "sweep.KEY = values" of one of the study's axes, canonical, tuples in parentheses.
std::string canonical_axis(const Study& study, std::size_t axis);

}  // namespace lockstep
