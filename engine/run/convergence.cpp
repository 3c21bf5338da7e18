#include "engine/run/convergence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/run/metrics.hpp"
#include "engine/run/parameter_text.hpp"

namespace lockstep {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

Convergence::Convergence(const StoppingRule& rule, const ResultSchema& schema)
    : rule_(rule), schema_(schema), values_(static_cast<std::size_t>(schema.points())) {
  while (schema.variables.at(variable_).name != rule.variable) ++variable_;
  per_trial_ = schema.values_per_trial(schema.variables[variable_]);
}

void Convergence::take(const BlockResult& block) {
  std::vector<double>& values = values_[static_cast<std::size_t>(block.point)];
  const std::vector<double>& taken = block.values[variable_];
  const auto begin = static_cast<std::size_t>(block.first_trial * per_trial_);
  values.resize(std::max(values.size(), begin + taken.size()));
  std::copy(taken.begin(), taken.end(), values.begin() + static_cast<std::ptrdiff_t>(begin));
}

Convergence::Farthest Convergence::farthest(std::int64_t trials) const {
  const std::vector<Extent>& extents = schema_.variables[variable_].extents;
  const bool steps = extents == std::vector<Extent>{Extent::step};
  const std::int64_t rows = steps ? 1 : per_trial_;
  const bool causes = extents == std::vector<Extent>{Extent::cause};
  Farthest farthest;
  bool has_value = false;
  std::vector<double> row;
  for (std::size_t point = 0; point < values_.size(); ++point) {
    const double horizon = horizon_at(schema_, static_cast<std::int64_t>(point));
    const Support support = support_of(rule_.variable, horizon);
    const bool has_infinite = support.between_events && !std::isnan(horizon);
    std::vector<Estimate> estimates;
    double whole = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      row.clear();
      for (std::int64_t i = r; i < trials * per_trial_; i += rows) {
        const double value = values_[point][static_cast<std::size_t>(i)];
        row.push_back(has_infinite && std::isnan(value) ? infinity : value);
      }
      estimates.push_back(rule_.estimate(row, steps ? per_trial_ : 1, support, judged_level));
      if (!std::isnan(estimates.back().value)) whole += std::fabs(estimates.back().value);
    }
    for (const Estimate& estimate : estimates) {
      if (std::isnan(estimate.value)) continue;
      has_value = true;
      // A cause that never came may be off: it is known when it is little of what all cost.
      const double excess =
          causes && estimate.value == 0 ? rule_.excess(estimate, whole) : rule_.excess(estimate);
      if (!(excess <= farthest.excess)) farthest = {excess, point};
    }
  }
  if (!has_value) farthest.excess = infinity;
  return farthest;
}

}  // namespace lockstep
