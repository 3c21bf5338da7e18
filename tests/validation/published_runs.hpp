#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/training/design_point.hpp"

namespace lockstep::test {

/// A measured run of a series (tests/validation/published/runs.csv).
struct PublishedRun {
  std::int64_t chips;
  double sequences;   ///< a step, in all
  double measured;    ///< in the series' unit
  std::string study;  ///< lines in which it differs from its series
};

/// Runs of one job, software and machine (tests/validation/published/series.csv).
struct PublishedSeries {
  std::string id, source;
  std::string unit;  ///< "s" a step, "TFLOP/s" a chip, "MFU %" or "tokens/s/chip"
  std::string chip;
  std::string study;    ///< lines that all its runs share
  std::string assumed;  ///< what was not published
  std::vector<PublishedRun> runs;
};

/// The rows of a table of tests/validation/published below its heading, filled up to its columns.
std::vector<std::vector<std::string>> published_table(const std::string& name);

/// All of them, in the files' order. Throws InputError where the files are no such tables.
std::vector<PublishedSeries> published_series();

/// The run as a design point, whose kernels reach `efficiency` of their peak.
std::unique_ptr<DesignPoint> point_of(const PublishedSeries& series, const PublishedRun& run,
                                      double efficiency);

/// Mean step of a few trials with the noise of the defaults [s].
double simulated_step(const DesignPoint& point);

/// What a step of so many seconds is in a series' unit.
double in_unit(const std::string& unit, const DesignPoint& point, double step);

/// The efficiency at which `over_measured` of it, steps over measured ones, is 1: they are nearly
/// linear in its inverse, so secants converge at once. At most 1.
double fitted_efficiency(const std::function<double(double)>& over_measured);

/// Steps of a run over measured ones, whatever its series' unit.
double step_over_measured(const PublishedSeries& series, const PublishedRun& run,
                          double efficiency);

/// Seconds, up to a factor, by what anyone would say first: model FLOPs over the chips' peak; the
/// same with recomputation, longer by the pipeline's bubble.
double work_over_chips(const DesignPoint& point);
double compute_and_bubble(const DesignPoint& point);

/// A prediction beside its measurement, both in the series' unit.
struct Prediction {
  const PublishedSeries* series;
  const PublishedRun* run;
  double predicted, by_work, by_bubble;
  std::string exposed;  ///< shares of a step without noise: bubble, then phases that show
};

/// "bubble 3.1 %, gradients 1.2 %": what takes more than 0.1 % of a step without noise.
std::string exposed_parts(const DesignPoint& point);

double relative_error(double predicted, double measured);

/// The runs of a series: the first one fits, the others are predicted.
std::vector<Prediction> predict(const PublishedSeries& series);

}  // namespace lockstep::test
