#include "experiments/summary/variable_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "engine/base/error.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/pooled_steps.hpp"
#include "experiments/summary/series.hpp"

namespace lockstep {

const std::string_view how_to_read =
    "± the farther limit of the 95 % interval, both where they lie unevenly; > or < where the "
    "trials\nare too few for the other limit, - where for both.";

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

Answers summarize_variable(const ResultFile& file, const Variable& variable,
                           std::span<const std::int64_t> points) {
  constexpr std::array shares{0.05, 0.5, 0.95, 0.99, 0.999};
  Answers answers{variable, {"mean", "p5", "p50", "p95", "p99", "p99.9"}, {}, {}, {}};
  for (std::int64_t point : points)
    for (const Series& series : series_of(file, variable, point)) {
      Answer& row = answers.rows.emplace_back();
      row.labels = point_labels(file.schema(), point);
      row.labels.insert(row.labels.end(), series.element.begin(), series.element.end());
      row.point = point;
      row.trials = series.trials();
      row.estimates.push_back(series.mean());
      const PooledSteps pooled(series.values, series.steps);
      for (double p : shares) row.estimates.push_back(widened(pooled.quantile(p), series.support));
      if (pooled.sorted().empty()) continue;
      row.least = pooled.sorted().front();
      row.most = pooled.sorted().back();
    }
  const bool steps = !variable.extents.empty() && variable.extents.front() == step_extent;
  answers.note = fmt::format("{};\n{}",
                             steps ? fmt::format("Mean over trials, quantiles over the {} steps of "
                                                 "each",
                                                 file.schema().steps)
                                   : "Over trials",
                             how_to_read);
  return answers;
}

}  // namespace lockstep
