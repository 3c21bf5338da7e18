#include "experiments/summary/summary_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/statistics/density.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/sensitivity.hpp"
#include "experiments/json.hpp"
#include "experiments/summary/asked_columns.hpp"
#include "experiments/summary/variable_summary.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

using Strings = std::vector<std::string>;
using Members = std::vector<std::pair<std::string, std::string>>;

constexpr int json_format = 2;

std::string whole(std::int64_t number) {
  return fmt::format("{}", number);
}

std::string whole(const std::vector<std::int64_t>& numbers) {
  Strings texts;
  for (std::int64_t number : numbers) texts.push_back(whole(number));
  return json::array(texts);
}

std::string texts(const Strings& values) {
  Strings quoted;
  for (const std::string& value : values) quoted.push_back(json::of(value));
  return json::array(quoted);
}

Members row_of(const Variable& variable, std::int64_t point, const Labels& element) {
  Members row{{"variable", json::of(variable.name)}, {"point", whole(point)}};
  for (const auto& [key, value] : element) row.emplace_back(key, json::of(value));
  return row;
}

std::string axes(const ResultSchema& schema) {
  Strings rows;
  for (const Axis& axis : schema.axes)
    rows.push_back(
        json::object(Members{{"key", json::of(axis.key)},
                             {"labels", texts(axis.labels)},
                             {"numbers", axis.numbers.empty() ? "null" : json::of(axis.numbers)},
                             {"units", json::of(axis.units)}}));
  return json::array(rows, true);
}

/// What is known of a design point: its value, or those of a further dimension by name, in which 0
/// is left out.
std::string known_of(const ResultSchema& schema, const PointVariable& variable,
                     std::int64_t point) {
  const auto size = static_cast<std::size_t>(schema.size_of(variable.extents));
  const std::size_t first = static_cast<std::size_t>(point) * size;
  const auto value = [&](std::size_t at) {
    return variable.texts.empty() ? json::of(variable.numbers[at]) : json::of(variable.texts[at]);
  };
  if (variable.extents.empty()) return value(first);
  const auto labels = schema.labels_of(variable.extents.front());
  Members members;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (variable.numbers.empty() || variable.numbers[first + i] != 0)
      members.emplace_back(labels[i], value(first + i));
  return json::object(members);
}

std::string points(const ResultFile& file, const JsonRequest& request) {
  const ResultSchema& schema = file.schema();
  Strings rows;
  for (std::int64_t point : request.points) {
    Members known;
    for (const PointVariable& variable : schema.point_variables)
      known.emplace_back(variable.name, known_of(schema, variable, point));
    Series first;
    first.values = file.read(schema.variables.front().name, point);
    first.steps = schema.values_per_trial(schema.variables.front());
    rows.push_back(json::object(Members{{"point", whole(point)},
                                        {"labels", texts(labels_of(schema.axes, point))},
                                        {"trials", whole(first.trials())},
                                        {"known", json::object(known)}}));
  }
  return json::array(rows, true);
}

std::string variables(const JsonRequest& request) {
  Strings rows;
  for (const Variable& variable : request.variables)
    rows.push_back(json::object(Members{
        {"variable", json::of(variable.name)},
        {"units", json::of(variable.units)},
        {"long_name", json::of(variable.long_name)},
        {"dimension", variable.extents.empty() ? "null" : json::of(variable.extents.front())}}));
  return json::array(rows, true);
}

std::string columns(const ResultFile& file) {
  constexpr std::array aims{"null", "\"more\"", "\"never\""};
  Strings rows;
  for (const auto& [capability, column, means] : asked_columns(file))
    rows.push_back(json::object(
        Members{{"capability", json::of(capability)},
                {"title", json::of(column.title)},
                {"unit", json::of(column.unit)},
                {"variable", json::of(column.variable)},
                {"element", column.element.empty() ? "null" : json::of(column.element)},
                {"factor", json::of(column.factor)},
                {"aim", aims[static_cast<std::size_t>(column.aim)]}}));
  return json::array(rows, true);
}

std::string answers(const ResultFile& file, const JsonRequest& request) {
  Strings rows;
  for (const Variable& variable : request.variables) {
    const Answers found = summarize_variable(file, variable, request.points);
    for (const Answer& answer : found.rows) {
      const Labels element(
          answer.labels.begin() + static_cast<std::ptrdiff_t>(file.schema().axes.size()),
          answer.labels.end());
      Members row = row_of(variable, answer.point, element);
      row.emplace_back("trials", whole(answer.trials));
      for (std::size_t s = 0; s < answer.estimates.size(); ++s)
        row.emplace_back(found.statistics[s], json::of(answer.estimates[s]));
      row.emplace_back("least", json::of(answer.least));
      row.emplace_back("most", json::of(answer.most));
      rows.push_back(json::object(row));
    }
  }
  return json::array(rows, true);
}

std::string differences(const ResultFile& file, const JsonRequest& request) {
  Strings rows;
  for (const Variable& variable : request.variables)
    for (const Difference& found : request.comparison
                                       ? differences(file, variable, *request.comparison)
                                       : differences(file, variable, request.pairs)) {
      Members row{{"variable", json::of(variable.name)},
                  {"first", whole(found.points.first)},
                  {"second", whole(found.points.second)}};
      for (const auto& [key, value] : found.element) row.emplace_back(key, json::of(value));
      row.emplace_back("trials", whole(found.trials));
      for (const auto& [name, statistic] : found.statistics)
        row.emplace_back(name, json::object(Members{{"absolute", json::of(statistic.absolute)},
                                                    {"relative", json::of(statistic.relative)}}));
      rows.push_back(json::object(row));
    }
  return json::array(rows, true);
}

std::string estimates(std::span<const Estimate> column) {
  Strings values;
  for (const Estimate& estimate : column) values.push_back(json::of(estimate));
  return json::array(values);
}

std::string columns(const PooledSteps::Shares& shares) {
  Members members{{"value", json::of(shares.value)}};
  const auto add = [&](const std::string& name, const std::vector<Estimate>& column,
                       double Estimate::*part) {
    std::vector<double> numbers;
    for (const Estimate& estimate : column) numbers.push_back(estimate.*part);
    members.emplace_back(name, json::of(numbers));
  };
  for (const auto& [name, column] : {std::pair{std::string("below"), &shares.below},
                                     std::pair{std::string("above"), &shares.above}}) {
    add(name, *column, &Estimate::value);
    add(name + "_lower", *column, &Estimate::lower);
    add(name + "_upper", *column, &Estimate::upper);
  }
  return json::object(members);
}

/// Every value finite: an infinite time between events has no place on a scale.
std::string distribution(Members row, const Series& series) {
  constexpr std::size_t body = 160, ends = 40;
  Series finite = series;
  for (double& value : finite.values)
    if (std::isinf(value)) value = std::numeric_limits<double>::quiet_NaN();
  const PooledSteps pooled(finite.values, finite.steps);
  const Density density = density_of_sorted(pooled.sorted());
  row.emplace_back("trials", whole(finite.trials()));
  row.emplace_back("shares", columns(pooled.shares(body, ends)));
  row.emplace_back("density", json::object(Members{{"value", json::of(density.value)},
                                                   {"density", json::of(density.density)}}));
  return json::object(row);
}

/// Numbers of trials from 8 to n, growing evenly.
std::vector<std::int64_t> sizes_to(std::int64_t n) {
  constexpr std::int64_t fewest = 8, most = 12;
  std::vector<std::int64_t> sizes;
  for (std::int64_t i = 0; i < most && n >= fewest; ++i) {
    const double share = static_cast<double>(i) / (most - 1);
    const double size = fewest * std::pow(static_cast<double>(n) / fewest, share);
    sizes.push_back(std::llround(size));
  }
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

std::string convergence(Members row, const Series& series) {
  const Series present = series.with_values();
  const std::vector<std::int64_t> sizes = sizes_to(present.trials());
  std::vector<Estimate> means, tails;
  for (std::int64_t size : sizes) {
    const Series first = present.first(size);
    means.push_back(first.mean());
    tails.push_back(widened(PooledSteps(first.values, first.steps).quantile(0.99), first.support));
  }
  row.emplace_back("trials", whole(sizes));
  row.emplace_back("mean", estimates(means));
  row.emplace_back("p99", estimates(tails));
  return json::object(row);
}

std::string sensitivities(const ResultFile& file, const JsonRequest& request) {
  constexpr std::string_view prefix = "input.";
  Strings rows;
  for (const Variable& input : file.schema().variables) {
    if (!input.name.starts_with(prefix)) continue;
    for (const Variable& variable : request.looked_into)
      for (std::int64_t point : request.points) {
        const Series drawn = series_of(file, input, point).front();
        for (const Series& series : series_of(file, variable, point)) {
          const Sensitivity found = sensitivity(drawn.values, series.trial_means());
          Members row{{"input", json::of(std::string_view(input.name).substr(prefix.size()))}};
          const Members rest = row_of(variable, point, series.element);
          row.insert(row.end(), rest.begin(), rest.end());
          row.emplace_back("trials", whole(series.trials()));
          row.emplace_back("share", json::of(found.share));
          row.emplace_back("chance", json::of(found.chance));
          row.emplace_back("rank", json::of(found.rank));
          rows.push_back(json::object(row));
        }
      }
  }
  return json::array(rows, true);
}

/// A row of each variable looked into, design point and element.
std::string each_row(const ResultFile& file, const JsonRequest& request,
                     std::string (*row)(Members, const Series&)) {
  Strings rows;
  for (const Variable& variable : request.looked_into)
    for (std::int64_t point : request.points)
      for (const Series& series : series_of(file, variable, point))
        rows.push_back(row(row_of(variable, point, series.element), series));
  return json::array(rows, true);
}

}  // namespace

std::string summary_json(const ResultFile& file, const JsonRequest& request,
                         const std::vector<std::string>& warnings) {
  const ResultSchema& schema = file.schema();
  Members members{{"format", whole(json_format)},
                  {"title", json::of(schema.title)},
                  {"study_id", json::of(schema.study_id)},
                  {"level", json::of(shown_level)},
                  {"trials", whole(schema.trials)},
                  {"steps", whole(schema.steps)},
                  {"axes", axes(schema)},
                  {"points", points(file, request)},
                  {"variables", variables(request)},
                  {"trains", asks_for_training(schema) ? "true" : "false"},
                  {"columns", columns(file)},
                  {"warnings", texts(warnings)}};
  if (request.comparison || !request.pairs.empty())
    members.emplace_back("differences", differences(file, request));
  else
    members.emplace_back("answers", answers(file, request));
  if (request.distribution)
    members.emplace_back("distributions", each_row(file, request, distribution));
  if (request.convergence)
    members.emplace_back("convergence", each_row(file, request, convergence));
  if (request.sensitivity) members.emplace_back("sensitivity", sensitivities(file, request));
  return json::object(members) + "\n";
}

}  // namespace lockstep
