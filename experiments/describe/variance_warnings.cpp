#include "experiments/describe/variance_warnings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"
#include "engine/run/study/study.hpp"
#include "engine/run/study/study_axes.hpp"
#include "engine/run/study/study_keys.hpp"
#include "engine/statistics/heavy_tail.hpp"
#include "experiments/study_options.hpp"
#include "experiments/summary/series.hpp"

namespace lockstep {
namespace {

using Strings = std::vector<std::string>;

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
      const std::vector<Distribution> laws =
          Distribution::parse(text, row.dimension).corners();  // also with uncertain parts
      if (std::all_of(laws.begin(), laws.end(),
                      [](const Distribution& law) { return std::isfinite(law.variance()); }))
        continue;
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
      if (series.support.events != Support::Events::none) continue;  // few values far off are usual
      if (!variance_seems_infinite(series.trial_means())) continue;
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
