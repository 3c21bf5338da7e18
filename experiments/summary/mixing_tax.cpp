#include "experiments/summary/mixing_tax.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <string>

#include "engine/base/text/text.hpp"
#include "engine/run/study/parameter_text.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "experiments/table.hpp"

namespace lockstep {
namespace {

using Chips = std::map<std::string, double>;

/// Of "H100:512, GB200:512"; empty where the fleet is not so written.
Chips chips_of(const ResultSchema& schema, std::int64_t point) {
  Chips chips;
  const std::string fleet = parameter_text(schema, "fleet.chips", point);
  for (std::string_view part : split_outside_parentheses(fleet, ',')) {
    const auto colon = part.find(':');
    if (colon == std::string_view::npos) return {};
    const std::string_view count = trimmed(part.substr(colon + 1));
    double number = 0;
    if (std::from_chars(count.data(), count.data() + count.size(), number).ec != std::errc())
      return {};
    chips[std::string(trimmed(part.substr(0, colon)))] += number;
  }
  return chips;
}

double total(const Chips& chips) {
  return std::accumulate(chips.begin(), chips.end(), 0.0,
                         [](double sum, const auto& one) { return sum + one.second; });
}

/// Whether two design points differ in the axes of fleet and work share alone.
bool differ_in_fleet_alone(const ResultSchema& schema, std::int64_t a, std::int64_t b) {
  const std::vector<std::string> x = labels_of(schema.axes, a), y = labels_of(schema.axes, b);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::string& key = schema.axes[i].key;
    if (x[i] != y[i] && key.find("fleet.chips") == std::string::npos && key != "job.work_share")
      return false;
  }
  return true;
}

/// Where the generation stands alone, beside `point`: with equal shares if some point has them,
/// else with those of `point`.
std::optional<std::int64_t> alone(const ResultSchema& schema, std::int64_t point,
                                  const std::string& generation, double size) {
  constexpr std::string_view share = "job.work_share";
  std::optional<std::int64_t> best;
  double best_distance = std::numeric_limits<double>::infinity();
  bool best_equal = false;
  for (std::int64_t other = 0; other < schema.points(); ++other) {
    const Chips chips = chips_of(schema, other);
    if (chips.size() != 1 || !chips.contains(generation) ||
        !differ_in_fleet_alone(schema, point, other))
      continue;
    const std::string work = parameter_text(schema, share, other);
    const bool equal = work == "equal";
    if (!equal && work != parameter_text(schema, share, point)) continue;
    const double distance = std::fabs(chips.at(generation) - size);
    if (best && (best_equal > equal || (best_equal == equal && distance >= best_distance)))
      continue;
    best = other;
    best_distance = distance;
    best_equal = equal;
  }
  return best;
}

/// {generation: where it stands alone}; empty where the fleet is no mix, or one does not.
std::map<std::string, std::int64_t> all_alone(const ResultSchema& schema, std::int64_t point) {
  const Chips chips = chips_of(schema, point);
  std::map<std::string, std::int64_t> found;
  if (chips.size() < 2) return {};
  for (const auto& [generation, count] : chips) {
    const auto other = alone(schema, point, generation, total(chips));
    if (!other) return {};
    found[generation] = *other;
  }
  return found;
}

double tokens_per_step(const ResultSchema& schema, std::int64_t point) {
  for (const PointVariable& variable : schema.point_variables)
    if (variable.name == "tokens_per_step")
      return variable.numbers.at(static_cast<std::size_t>(point));
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

bool has_mixing_tax(const ResultSchema& schema) {
  const bool mfu = std::any_of(schema.variables.begin(), schema.variables.end(),
                               [](const Variable& v) { return v.name == "mfu"; });
  if (!mfu || !std::any_of(schema.axes.begin(), schema.axes.end(), [](const Axis& axis) {
        return axis.key.find("fleet.chips") != std::string::npos;
      }))
    return false;
  for (std::int64_t point = 0; point < schema.points(); ++point)
    if (!all_alone(schema, point).empty()) return true;
  return false;
}

std::vector<double> mixing_tax(const ResultFile& file, std::int64_t point) {
  const ResultSchema& schema = file.schema();
  const auto trials = static_cast<std::size_t>(schema.trials);
  const auto others = all_alone(schema, point);
  std::vector<double> tax(trials, std::numeric_limits<double>::quiet_NaN());
  if (others.empty()) return tax;
  std::vector<double> possible(trials), peak(trials);  // tokens a second: as alone, at full MFU
  for (const auto& [generation, count] : chips_of(schema, point)) {
    const std::int64_t other = others.at(generation);
    const double tokens =
        count / chips_of(schema, other).at(generation) * tokens_per_step(schema, other);
    const std::vector<double> step = trial_means(file.read("step_time", other), schema.steps);
    const std::vector<double> mfu = file.read("mfu", other);
    for (std::size_t t = 0; t < trials; ++t) {
      possible[t] += tokens / step[t];
      peak[t] += tokens / step[t] / mfu[t];
    }
  }
  const std::vector<double> mfu = file.read("mfu", point);
  for (std::size_t t = 0; t < trials; ++t) tax[t] = 1 - mfu[t] * peak[t] / possible[t];
  return tax;
}

}  // namespace lockstep
