#include "tests/validation/published_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"
#include "engine/base/text/csv.hpp"
#include "engine/job/stages.hpp"
#include "engine/statistics/quantile.hpp"
#include "tests/unit/scenario_values.hpp"

namespace lockstep::test {
namespace {

/// A study's lines: semicolons to line ends.
std::string lines_of(std::string text) {
  std::replace(text.begin(), text.end(), ';', '\n');
  return text;
}

double peak_of(const DesignPoint& point) {
  const Chip& chip = point.scenario().fleet.generations.front().chip;
  return point.scenario().job.compute_precision == Precision::fp8 ? chip.fp8_peak : chip.peak;
}

}  // namespace

std::vector<std::vector<std::string>> published_table(const std::string& name) {
  const std::string path = std::string(PUBLISHED_RUNS) + "/" + name;
  std::vector<std::vector<std::string>> rows;
  std::size_t columns = 0;
  read_csv_lines(read_csv_content(path), path, [&](const CsvLine& line) {
    if (columns == 0) {
      columns = line.fields.size();
      return;
    }
    if (line.fields.size() > columns) throw InputError("more fields than columns");
    rows.push_back(line.fields);
    rows.back().resize(columns);
  });
  return rows;
}

std::vector<PublishedSeries> published_series() {
  std::vector<PublishedSeries> all;
  for (const auto& row : published_table("series.csv"))
    all.push_back({row[0], row[1], row[2], row[3], lines_of(row[4]), row[5], {}});
  for (const auto& row : published_table("runs.csv")) {
    const auto series = std::find_if(all.begin(), all.end(),
                                     [&](const PublishedSeries& one) { return one.id == row[0]; });
    if (series == all.end()) throw InputError("runs.csv names no series of series.csv: " + row[0]);
    series->runs.push_back(
        {std::stoll(row[1]), std::stod(row[2]), std::stod(row[3]), lines_of(row[4])});
  }
  return all;
}

std::unique_ptr<DesignPoint> point_of(const PublishedSeries& series, const PublishedRun& run,
                                      double efficiency) {
  const std::string lines =
      fmt::format("fleet.chips={}:{}\njob.kernel_efficiency={:.17g}\nsampling.steps=4\n{}\n{}",
                  series.chip, run.chips, efficiency, series.study, run.study);
  const double length = scenario_values(lines).real("job.sequence_length");
  return make_point(fmt::format("{}\njob.tokens_per_batch={:.17g}", lines, run.sequences * length));
}

double simulated_step(const DesignPoint& point) {
  constexpr std::uint32_t trials = 4;
  std::vector<double> steps;
  for (std::uint32_t trial = 0; trial < trials; ++trial)
    steps.push_back(mean(train(point, trial, 1).result.step_time));
  return mean(steps);
}

double in_unit(const std::string& unit, const DesignPoint& point, double step) {
  const double chip_seconds = step * static_cast<double>(point.scenario().fleet.chips());
  if (unit == "s") return step;
  if (unit == "TFLOP/s") return point.work().flops / chip_seconds / 1e12;
  if (unit == "MFU %") return 100 * point.work().flops / chip_seconds / peak_of(point);
  if (unit == "tokens/s/chip") return point.work().tokens / chip_seconds;
  throw InputError("no unit of published runs: " + unit);
}

double step_over_measured(const PublishedSeries& series, const PublishedRun& run,
                          double efficiency) {
  const auto point = point_of(series, run, efficiency);
  const double value = in_unit(series.unit, *point, simulated_step(*point));
  return series.unit == "s" ? value / run.measured : run.measured / value;
}

double fitted_efficiency(const std::function<double(double)>& over_measured) {
  double x = 2, at_x = over_measured(1 / x), y = std::max(1.0, x / at_x);
  for (int i = 0; i < 4 && std::abs(x - y) > 1e-6 * x; ++i) {
    const double at_y = over_measured(1 / y);
    const double next = std::max(1.0, y + (1 - at_y) * (y - x) / (at_y - at_x));
    x = y;
    at_x = at_y;
    y = next;
  }
  return 1 / y;
}

double work_over_chips(const DesignPoint& point) {
  return point.work().flops /
         (static_cast<double>(point.scenario().fleet.chips()) * peak_of(point));
}

double compute_and_bubble(const DesignPoint& point) {
  const Job& job = point.scenario().job;
  return work_over_chips(point) * computed_flops_per_token(job) / job.model.flops_per_token() *
         (1 + point.bubble(0));
}

std::string exposed_parts(const DesignPoint& point) {
  const QuietStep& step = point.quiet_step();
  std::string text;
  const auto add = [&](std::string_view name, double time) {
    if (time > 0.001 * step.time())
      text +=
          fmt::format("{}{} {:.1f} %", text.empty() ? "" : ", ", name, 100 * time / step.time());
  };
  add("bubble", step.bubble);
  for (std::size_t p = 0; p < step.exposed.size(); ++p)
    add(point.phases()[p].phase->name, step.exposed[p]);
  add("optimizer", step.optimizer);
  return text;
}

double relative_error(double predicted, double measured) {
  return predicted / measured - 1;
}

std::vector<Prediction> predict(const PublishedSeries& series) {
  std::vector<Prediction> predictions;
  const double efficiency = fitted_efficiency(
      [&](double tried) { return step_over_measured(series, series.runs.front(), tried); });
  double work_factor = 0, bubble_factor = 0;
  for (const PublishedRun& run : series.runs) {
    const auto point = point_of(series, run, efficiency);
    const double work = work_over_chips(*point), bubble = compute_and_bubble(*point);
    const auto value = [&](double step) { return in_unit(series.unit, *point, step); };
    const double step = simulated_step(*point);
    if (predictions.empty()) {
      work_factor = step / work;
      bubble_factor = step / bubble;
    }
    predictions.push_back({&series, &run, value(step), value(work * work_factor),
                           value(bubble * bubble_factor), exposed_parts(*point)});
    if (&run == &series.runs.front())
      predictions.back().exposed =
          fmt::format("efficiency {:.3f}; {}", efficiency, predictions.back().exposed);
  }
  return predictions;
}

}  // namespace lockstep::test
