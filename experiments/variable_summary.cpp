#include "experiments/variable_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "engine/base/error.hpp"
#include "engine/base/nearest.hpp"
#include "engine/base/text.hpp"
#include "engine/run/study.hpp"
#include "engine/run/study_axes.hpp"
#include "engine/run/study_keys.hpp"
#include "engine/statistics/heavy_tail.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/paired_difference.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/quantile.hpp"
#include "experiments/study_options.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

using Strings = std::vector<std::string>;
using Labels = std::vector<std::pair<std::string, std::string>>;

/// The values of one row: (trials, steps), steps = 1 for a variable of whole trials.
struct Series {
  Labels element;  ///< generation or cause, where the variable has them
  std::vector<double> values;
  std::int64_t steps;

  /// That have a value.
  std::int64_t trials() const { return present_values(trial_means(values, steps)); }
};

/// Trials that have a value in both.
std::int64_t common_trials(const Series& a, const Series& b) {
  const std::vector<double> x = trial_means(a.values, a.steps), y = trial_means(b.values, b.steps);
  std::vector<double> both(x.size());
  std::transform(x.begin(), x.end(), y.begin(), both.begin(), std::plus<>());
  return present_values(both);
}

std::vector<Series> series_of(const ResultFile& file, const Variable& variable,
                              std::int64_t point) {
  const ResultSchema& schema = file.schema();
  std::vector<double> values = file.read(variable.name, point);
  if (variable.extents.empty()) return {{{}, std::move(values), 1}};
  const Extent extent = variable.extents.front();
  if (extent == Extent::step) return {{{}, std::move(values), schema.steps}};
  const Strings& names = extent == Extent::cause ? schema.causes : schema.generations;
  std::vector<Series> rows;
  for (std::size_t e = 0; e < names.size(); ++e) {
    Series& row = rows.emplace_back();
    row.element = {{std::string(extent_name(extent)), names[e]}};
    row.steps = 1;
    for (std::size_t at = e; at < values.size(); at += names.size())
      row.values.push_back(values[at]);
  }
  return rows;
}

Labels point_labels(const ResultSchema& schema, std::int64_t point) {
  const Strings values = labels_of(schema.axes, point);
  Labels labels;
  for (std::size_t a = 0; a < values.size(); ++a)
    labels.emplace_back(schema.axes[a].key, values[a]);
  return labels;
}

bool has_steps(const Variable& variable) {
  return variable.extents == std::vector<Extent>{Extent::step};
}

constexpr std::string_view how_to_read =
    "± the farther limit of the 95 % interval, of a quantile both where they lie unevenly; > or < "
    "where the trials are too few for the other limit, - where for both.";

/// "step_time[, ...]" of the design point, for a message; "" where there is but one.
std::string where(const Labels& labels) {
  Strings parts;
  for (const auto& [key, value] : labels) parts.push_back(key + "=" + value);
  return parts.empty() ? "" : fmt::format(" at {}", fmt::join(parts, ", "));
}

/// The texts of the k-th key in the labels of linked keys, "(8, none)", once each.
Strings column(const Strings& labels, std::size_t k) {
  Strings texts;
  for (const std::string& label : labels) {
    const std::string text = split_values(std::string_view(label).substr(1, label.size() - 2))[k];
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  }
  return texts;
}

/// Laws without a finite variance among the texts of one parameter.
void find_wild_laws(const Parameter& row, std::string_view key, const Strings& texts,
                    Strings& warnings) {
  for (const std::string& text : texts) {
    if (text.find('(') == std::string::npos) continue;
    try {
      if (std::isfinite(Distribution::parse(text, row.dimension).variance())) continue;
    } catch (const InputError&) {
      continue;  // empirical: its text is a checksum, its variance finite
    }
    warnings.push_back(
        fmt::format("Warning: {} = {} has no finite variance: where it acts, means settle slowly "
                    "and their intervals are too narrow; rely on the quantiles.",
                    key, text));
  }
}

}  // namespace

std::size_t find_named(std::string_view option, std::string_view what, std::string_view name,
                       std::span<const std::string> known) {
  const auto found = std::find(known.begin(), known.end(), name);
  if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
  const std::vector<std::string_view> names(known.begin(), known.end());
  const std::string nearest = nearest_name(name, names);
  throw InputError(fmt::format("{} {} (the file has no such {}) {}", option, name, what,
                               !nearest.empty() ? fmt::format("did you mean {}?", nearest)
                               : known.empty()
                                   ? "its study has no [sweep]; leave the option out"
                                   : fmt::format("choose one of: {}", fmt::join(known, ", "))));
}

Answers summarize_variable(const ResultFile& file, const Variable& variable) {
  constexpr std::array shares{0.05, 0.5, 0.95, 0.99, 0.999};
  Answers answers{variable, {"mean", "p5", "p50", "p95", "p99", "p99.9"}, {}, {}, {}};
  for (std::int64_t point = 0; point < file.schema().points(); ++point)
    for (const Series& series : series_of(file, variable, point)) {
      Answer& row = answers.rows.emplace_back();
      row.labels = point_labels(file.schema(), point);
      row.labels.insert(row.labels.end(), series.element.begin(), series.element.end());
      row.trials = series.trials();
      row.estimates.push_back(mean_estimate(trial_means(series.values, series.steps)));
      const PooledSteps pooled(series.values, series.steps);
      for (double p : shares) row.estimates.push_back(pooled.quantile(p));
    }
  answers.note = fmt::format(
      "{};\n{}",
      has_steps(variable) ? fmt::format("Mean over trials, quantiles over the {} steps of each",
                                        file.schema().steps)
                          : "Over trials",
      how_to_read);
  return answers;
}

Comparison parse_comparison(std::string_view text, const std::vector<Axis>& axes) {
  const auto equals = text.find('=');
  const Strings values =
      equals == std::string_view::npos ? Strings{} : split_values(text.substr(equals + 1));
  if (values.size() != 2 || values[0] == values[1])
    throw InputError(fmt::format(
        "--compare {} (an axis and two of its values are due) write for example --compare "
        "topology.kind=ring,tree",
        text));
  Strings keys;
  for (const Axis& axis : axes) keys.push_back(axis.key);
  const std::size_t axis = find_named("--compare", "axis", trimmed(text.substr(0, equals)), keys);
  const auto place = [&](const std::string& value) {
    return find_named("--compare", "value of " + keys[axis], value, axes[axis].labels);
  };
  return {axis, place(values[0]), place(values[1])};
}

Answers compare(const ResultFile& file, const Variable& variable, const Comparison& comparison) {
  const ResultSchema& schema = file.schema();
  const Axis& axis = schema.axes[comparison.axis];
  std::int64_t stride = 1;  // points between neighbours along the axis
  for (std::size_t a = comparison.axis + 1; a < schema.axes.size(); ++a)
    stride *= static_cast<std::int64_t>(schema.axes[a].labels.size());
  const auto size = static_cast<std::int64_t>(axis.labels.size());

  constexpr std::array shares{0.5, 0.99};
  Answers answers{variable,
                  {"mean", "p50", "p99", "mean relative", "p50 relative", "p99 relative"},
                  {"mean relative", "p50 relative", "p99 relative"},
                  {},
                  {}};
  for (std::int64_t point = 0; point < schema.points(); ++point) {
    if (point / stride % size != static_cast<std::int64_t>(comparison.first)) continue;
    const std::int64_t other = point + (static_cast<std::int64_t>(comparison.second) -
                                        static_cast<std::int64_t>(comparison.first)) *
                                           stride;
    const std::vector<Series> first = series_of(file, variable, point);
    const std::vector<Series> second = series_of(file, variable, other);
    for (std::size_t e = 0; e < first.size(); ++e) {
      const Series &a = first[e], &b = second[e];
      Answer& row = answers.rows.emplace_back();
      row.labels = point_labels(schema, point);
      row.labels.erase(row.labels.begin() + static_cast<std::ptrdiff_t>(comparison.axis));
      row.labels.insert(row.labels.end(), a.element.begin(), a.element.end());
      row.trials = common_trials(a, b);
      const PairedDifference mean = mean_difference(a.values, b.values, a.steps);
      const auto rest = quantile_differences(a.values, b.values, a.steps, shares);
      row.estimates = {mean.absolute, rest[0].absolute, rest[1].absolute,
                       mean.relative, rest[0].relative, rest[1].relative};
    }
  }
  answers.note =
      fmt::format("{} less {}, the same trials of both: absolute, and as a share of {};\n{}",
                  axis.labels[comparison.second], axis.labels[comparison.first],
                  axis.labels[comparison.first], how_to_read);
  return answers;
}

std::vector<std::string> variance_warnings(const ResultFile& file, const Variable& variable) {
  Strings warnings;
  const std::string& text = file.schema().resolved_parameters;
  for (std::string_view line : split_outside_parentheses(text, '\n')) {
    const auto equals = line.find(" = ");
    if (equals == std::string_view::npos) continue;
    std::string_view name = line.substr(0, equals);
    const bool axis = name.starts_with("sweep.");
    if (axis) name.remove_prefix(std::string_view("sweep.").size());
    const std::string value(line.substr(equals + 3));
    const Strings keys = axis ? axis_keys(name) : Strings{std::string(name)};
    const Strings labels = axis ? split_values(value) : Strings{value};
    for (std::size_t k = 0; k < keys.size(); ++k) {
      const Parameter* row = StudyKeys(all_parameters()).find(keys[k]);
      if (row == nullptr || (row->type != ValueType::law && row->type != ValueType::real)) continue;
      find_wild_laws(*row, keys[k], keys.size() == 1 ? labels : column(labels, k), warnings);
    }
  }
  Strings wild;
  for (std::int64_t point = 0; point < file.schema().points(); ++point)
    for (const Series& series : series_of(file, variable, point)) {
      if (!variance_seems_infinite(trial_means(series.values, series.steps))) continue;
      Labels labels = point_labels(file.schema(), point);
      labels.insert(labels.end(), series.element.begin(), series.element.end());
      wild.push_back(where(labels));
    }
  if (!wild.empty())
    warnings.push_back(
        fmt::format("Warning: the variance of {}{} seems infinite (the largest trials fall off too "
                    "slowly): the mean settles slowly and its interval is too narrow; rely on the "
                    "quantiles.",
                    variable.name, fmt::join(wild, ";")));
  return warnings;
}

}  // namespace lockstep
