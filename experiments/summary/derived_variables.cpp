#include "experiments/summary/derived_variables.hpp"

#include <algorithm>
#include <string_view>

#include "engine/run/metrics.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "experiments/summary/mixing_tax.hpp"

namespace lockstep {
namespace {

bool has(const ResultSchema& schema, std::string_view name) {
  return std::any_of(schema.variables.begin(), schema.variables.end(),
                     [&](const Variable& variable) { return variable.name == name; });
}

std::vector<double> communication_share(const ResultFile& file, std::int64_t point) {
  const std::int64_t steps = file.schema().steps;
  std::vector<double> share = trial_means(file.read("communication_time", point), steps);
  const std::vector<double> step = trial_means(file.read("step_time", point), steps);
  std::transform(share.begin(), share.end(), step.begin(), share.begin(), std::divides<>());
  return share;
}

/// What the lost times of a trial are of its horizon: goodput is the rest.
std::vector<double> time_share(const ResultFile& file, std::int64_t point) {
  std::vector<double> share = file.read("time_lost", point);
  const std::vector<double> goodput = file.read("goodput", point);
  const std::size_t causes = file.schema().labels_of("cause").size();
  for (std::size_t t = 0; t < goodput.size(); ++t) {
    double lost = 0;
    for (std::size_t c = 0; c < causes; ++c) lost += share[t * causes + c];
    for (std::size_t c = 0; c < causes; ++c)
      if (lost > 0) share[t * causes + c] *= (1 - goodput[t]) / lost;
  }
  return share;
}

}  // namespace

std::span<const DerivedVariable> derived_variables() {
  static const std::vector<DerivedVariable> rows{
      {{"communication_share", {}, "1", "communication_time over step_time"},
       [](const ResultSchema& s) { return has(s, "communication_time"); },
       communication_share,
       [](const ResultSchema&, std::int64_t, std::string_view) { return Support::quantity(); }},
      {{"time_share", {"cause"}, "1", "share of the wall time that is lost, by cause"},
       [](const ResultSchema& s) { return has(s, "time_lost") && has(s, "goodput"); },
       time_share,
       [](const ResultSchema& s, std::int64_t point, std::string_view label) {
         Support support = support_of(s, point, "time_lost", label);
         if (support.events != Support::Events::none) support.most = 1;
         return support;
       }},
      {{"mixing_tax",
        {},
        "1",
        "share of the tokens a second of its generations alone that a mixed fleet does not reach"},
       has_mixing_tax,
       mixing_tax,
       [](const ResultSchema&, std::int64_t, std::string_view) { return Support(); }},
  };
  return rows;
}

}  // namespace lockstep
