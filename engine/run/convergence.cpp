#include "engine/run/convergence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lockstep {

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
  Farthest farthest;
  bool has_value = false;
  std::vector<double> row;
  for (std::size_t point = 0; point < values_.size(); ++point)
    for (std::int64_t r = 0; r < rows; ++r) {
      row.clear();
      for (std::int64_t i = r; i < trials * per_trial_; i += rows)
        row.push_back(values_[point][static_cast<std::size_t>(i)]);
      const Estimate estimate = rule_.estimate(row, steps ? per_trial_ : 1, judged_level);
      if (std::isnan(estimate.value)) continue;
      has_value = true;
      if (const double excess = rule_.excess(estimate); !(excess <= farthest.excess))
        farthest = {excess, point};
    }
  if (!has_value) farthest.excess = std::numeric_limits<double>::infinity();
  return farthest;
}

}  // namespace lockstep
