#include "experiments/summary/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>

#include "engine/base/error.hpp"
#include "engine/base/text/text.hpp"
#include "engine/run/study/study.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "engine/statistics/quantile.hpp"
#include "experiments/summary/variable_summary.hpp"

namespace lockstep {
namespace {

using Strings = std::vector<std::string>;

constexpr std::array quantile_shares{0.5, 0.99};

/// Trials that have a value in both.
std::int64_t common_trials(const Series& a, const Series& b) {
  const std::vector<double> x = a.trial_means(), y = b.trial_means();
  std::vector<double> both(x.size());
  std::transform(x.begin(), x.end(), y.begin(), both.begin(), std::plus<>());
  return present_values(both);
}

/// Trial by trial the mean over design points.
std::vector<Series> mean_series(const ResultFile& file, const Variable& variable,
                                const std::vector<std::int64_t>& points) {
  std::vector<Series> sum = series_of(file, variable, points.front());
  for (std::size_t p = 1; p < points.size(); ++p) {
    const std::vector<Series> more = series_of(file, variable, points[p]);
    for (std::size_t e = 0; e < sum.size(); ++e)
      std::transform(sum[e].values.begin(), sum[e].values.end(), more[e].values.begin(),
                     sum[e].values.begin(), std::plus<>());
  }
  for (Series& series : sum)
    for (double& value : series.values) value /= static_cast<double>(points.size());
  return sum;
}

std::vector<Difference> differences_of(const ResultFile& file, const Variable& variable,
                                       const std::vector<Pair>& pairs, bool quantiles) {
  std::vector<Difference> rows;
  for (const Pair& pair : pairs) {
    const std::vector<Series> first = mean_series(file, variable, pair.first);
    const std::vector<Series> second = mean_series(file, variable, pair.second);
    for (std::size_t e = 0; e < first.size(); ++e) {
      const Series &a = first[e], &b = second[e];
      Difference& row = rows.emplace_back(Difference{pair, a.element, common_trials(a, b), {}});
      row.statistics.emplace_back("mean", mean_difference(a.values, b.values, a.steps, a.support));
      if (!quantiles) continue;
      const auto rest = quantile_differences(a.values, b.values, a.steps, quantile_shares);
      const PooledSteps of_a(a.values, a.steps), of_b(b.values, b.steps);
      for (std::size_t q = 0; q < rest.size(); ++q) {
        const double p = quantile_shares[q];
        row.statistics.emplace_back(
            fmt::format("p{:g}", 100 * p),
            widened(rest[q], of_a.quantile(p).value, of_b.quantile(p).value, a.support));
      }
    }
  }
  return rows;
}

std::vector<std::int64_t> parse_side(std::string_view text, std::string_view option,
                                     std::int64_t points) {
  std::vector<std::int64_t> side;
  for (std::string_view number : split_outside_parentheses(text, '+')) {
    std::int64_t point = -1;
    const auto [end, failure] =
        std::from_chars(number.data(), number.data() + number.size(), point);
    if (failure != std::errc() || end != number.data() + number.size() || point < 0 ||
        point >= points)
      throw InputError(
          fmt::format("--pairs {} (FIRST:SECOND[,...] of design points from 0 to {} "
                      "are due) write for example --pairs 0:1,0+2:1+3",
                      option, points - 1));
    side.push_back(point);
  }
  return side;
}

}  // namespace

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

std::vector<Pair> parse_pairs(std::string_view text, std::int64_t points) {
  std::vector<Pair> pairs;
  for (std::string_view pair : split_outside_parentheses(text, ',')) {
    const auto colon = std::min(pair.find(':'), pair.size());
    const std::string_view second = pair.substr(std::min(colon + 1, pair.size()));
    pairs.push_back(
        {parse_side(pair.substr(0, colon), pair, points), parse_side(second, pair, points)});
    if (pairs.back().first.empty() || pairs.back().second.empty())
      parse_side("?", pair, points);  // refuses
  }
  return pairs;
}

std::vector<Difference> differences(const ResultFile& file, const Variable& variable,
                                    const std::vector<Pair>& pairs) {
  return differences_of(file, variable, pairs, false);
}

std::vector<Difference> differences(const ResultFile& file, const Variable& variable,
                                    const Comparison& comparison) {
  const ResultSchema& schema = file.schema();
  std::int64_t stride = 1;  // points between neighbours along the axis
  for (std::size_t a = comparison.axis + 1; a < schema.axes.size(); ++a)
    stride *= static_cast<std::int64_t>(schema.axes[a].labels.size());
  const auto size = static_cast<std::int64_t>(schema.axes[comparison.axis].labels.size());
  const auto first = static_cast<std::int64_t>(comparison.first);
  const auto second = static_cast<std::int64_t>(comparison.second);
  std::vector<Pair> pairs;
  for (std::int64_t point = 0; point < schema.points(); ++point)
    if (point / stride % size == first)
      pairs.push_back({{point}, {point + (second - first) * stride}});
  return differences_of(file, variable, pairs, true);
}

Answers compare(const ResultFile& file, const Variable& variable, const Comparison& comparison) {
  const Axis& axis = file.schema().axes[comparison.axis];
  Answers answers{variable, {}, {}, {}, {}};
  for (const Difference& difference : differences(file, variable, comparison)) {
    Answer& row = answers.rows.emplace_back();
    row.labels = point_labels(file.schema(), difference.points.first.front());
    row.labels.erase(row.labels.begin() + static_cast<std::ptrdiff_t>(comparison.axis));
    row.labels.insert(row.labels.end(), difference.element.begin(), difference.element.end());
    row.trials = difference.trials;
    for (const auto& [name, statistic] : difference.statistics)
      row.estimates.push_back(statistic.absolute);
    for (const auto& [name, statistic] : difference.statistics)
      row.estimates.push_back(statistic.relative);
    if (!answers.statistics.empty()) continue;
    for (const auto& [name, statistic] : difference.statistics) {
      answers.statistics.push_back(name);
      answers.percent.push_back(name + " relative");
    }
    answers.statistics.insert(answers.statistics.end(), answers.percent.begin(),
                              answers.percent.end());
  }
  answers.note =
      fmt::format("{} less {}, the same trials of both: absolute, and as a share of {};\n{}",
                  axis.labels[comparison.second], axis.labels[comparison.first],
                  axis.labels[comparison.first], how_to_read);
  return answers;
}

}  // namespace lockstep
