#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/text/quantity.hpp"
#include "engine/statistics/support.hpp"

namespace lockstep {

/// One variable of the result file: doubles over (axes..., trial, extents...).
struct Variable {
  std::string name;                  ///< "step_time"
  std::vector<std::string> extents;  ///< names of its further dimensions: {}, {"step"}, {"cause"}
  std::string units;                 ///< "s"; "1" for a share
  std::string long_name;             ///< "time from one step's end to the next"
};

/// The dimensions that every study has: recorded steps, and the generations of all its fleets.
inline constexpr std::string_view step_extent = "step", generation_extent = "chip_generation";

/// A dimension with a coordinate of names.
struct Extent {
  std::string name;  ///< "cause"
  std::vector<std::string> labels;
  std::string long_name;  ///< "what time was lost to"

  bool operator==(const Extent&) const = default;
};

/// The parameters of one design point.
struct PointParameters {
  std::function<std::string(std::string_view key)> text;  ///< as resolved; "" where there is none

  /// The mean of a law; NaN where the point has no such number.
  double number(std::string_view key, Dimension dimension) const;
};

/// One variable that every trial yields: a row of the table that file, summary and docs read.
struct Metric {
  Variable variable;
  bool needs_work = false;  ///< tokens, not job.compute_time in their place
  /// Not for all trials: NaN says that there is none, as of a generation without a chip in the job.
  /// Of any other variable it is an error.
  bool of_each_trial = true;
  bool is_course = false;  ///< to be drawn, trial by trial: no mean or quantile is of use
  Support support = Support::quantity();
  /// Narrows it by a design point's parameters and by the label of the variable's own dimension, ""
  /// where it has none. nullptr: it is the same at all.
  Support (*at)(Support support, const PointParameters& parameters,
                std::string_view label) = nullptr;
  /// The variable that counts, trial by trial, the events that lower it; "": nothing does.
  std::string_view counted_by = {};
};

/// With how its values are found in the result of a trial, in the order of its extents.
template <class Result>
struct MetricOf {
  Metric metric;
  std::span<const double> (*values)(const Result&);
};

/// (metrics, extents...) of one trial; nothing where it has none.
using MetricValues = std::vector<std::vector<double>>;

template <class Result>
MetricValues values_of(std::span<const MetricOf<Result>> metrics, const Result& result) {
  MetricValues all;
  for (const MetricOf<Result>& row : metrics) {
    const std::span<const double> values = row.values(result);
    all.emplace_back(values.begin(), values.end());
  }
  return all;
}

template <class Result>
std::vector<Metric> rows_of(std::span<const MetricOf<Result>> metrics) {
  std::vector<Metric> rows;
  for (const MetricOf<Result>& row : metrics) rows.push_back(row.metric);
  return rows;
}

}  // namespace lockstep
