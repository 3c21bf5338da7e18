#include "engine/run/convergence/convergence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/run/metrics.hpp"

namespace lockstep {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

Convergence::Convergence(const StoppingRule& rule, const ResultSchema& schema)
    : rule_(rule), schema_(schema), values_(static_cast<std::size_t>(schema.points())) {
  while (schema.variables.at(variable_).name != rule.variable) ++variable_;
  events_variable_ = events_counted_by(rule.variable, schema.variables);
  if (events_variable_) events_.resize(values_.size());
  per_trial_ = schema.values_per_trial(schema.variables[variable_]);
}

void Convergence::take(const BlockResult& block) {
  const auto keep = [&](std::vector<double>& values, std::size_t variable, std::int64_t per_trial) {
    const std::vector<double>& taken = block.values[variable];
    const auto begin = static_cast<std::size_t>(block.first_trial * per_trial);
    values.resize(std::max(values.size(), begin + taken.size()));
    std::copy(taken.begin(), taken.end(), values.begin() + static_cast<std::ptrdiff_t>(begin));
  };
  const auto point = static_cast<std::size_t>(block.point);
  keep(values_[point], variable_, per_trial_);
  if (events_variable_) keep(events_[point], *events_variable_, 1);
}

Convergence::Farthest Convergence::farthest(std::int64_t trials) const {
  const std::vector<std::string>& extents = schema_.variables[variable_].extents;
  const bool steps = !extents.empty() && extents.front() == step_extent;
  const std::int64_t rows = steps ? 1 : per_trial_;
  const auto labels =
      rows > 1 ? schema_.labels_of(extents.front()) : std::span<const std::string>();
  Farthest farthest;
  std::vector<double> row;
  for (std::size_t point = 0; point < values_.size(); ++point) {
    std::vector<Estimate> estimates;
    double whole = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      const Support support =
          support_of(schema_, static_cast<std::int64_t>(point), rule_.variable,
                     labels.empty() ? std::string_view() : labels[static_cast<std::size_t>(r)]);
      const bool has_infinite = support.between_events && !std::isnan(support.trial_time);
      row.clear();
      for (std::int64_t i = r; i < trials * per_trial_; i += rows) {
        const double value = values_[point][static_cast<std::size_t>(i)];
        row.push_back(has_infinite && std::isnan(value) ? infinity : value);
      }
      const auto events =
          events_variable_ ? std::span(events_[point]).first(trials) : std::span<const double>();
      estimates.push_back(
          rule_.estimate(row, steps ? per_trial_ : 1, support, judged_level, events));
      if (!std::isnan(estimates.back().value)) whole += std::fabs(estimates.back().value);
    }
    for (const Estimate& estimate : estimates) {
      if (std::isnan(estimate.value)) continue;
      farthest.has_value = true;
      // A row that is 0 in all trials, as a cause that never came, is known when it is little of
      // what all rows are together.
      const double excess =
          rows > 1 && estimate.value == 0 ? rule_.excess(estimate, whole) : rule_.excess(estimate);
      if (!(excess <= farthest.excess)) farthest = {excess, point, true};
    }
  }
  if (!farthest.has_value) farthest.excess = infinity;
  return farthest;
}

}  // namespace lockstep
