#include "experiments/describe/drawn_settings.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {
namespace {

/// Whether more than one value can be drawn within a trial.
bool draws_for_each(const Distribution& law) {
  const std::vector<Distribution> laws = law.corners();
  return !std::all_of(laws.begin(), laws.end(),
                      [](const Distribution& corner) { return corner.is_constant(); });
}

}  // namespace

std::vector<std::string> drawn_settings(const Study& study) {
  std::vector<std::string> parts;
  for (const ResolvedParameter& parameter : study.parameters) {
    if (parameter.place.empty() || parameter.row->type != ValueType::law) continue;
    if (std::any_of(study.points.begin(), study.points.end(), [&](const Values& values) {
          return draws_for_each(values.law(parameter.key));
        }))
      parts.push_back(fmt::format("{} for each {}", parameter.key, parameter.row->each));
  }
  if (parts.empty()) return {};
  return {fmt::format(
      "Drawn anew: {}. What is one value in truth, but not known, is drawn once a trial: "
      "uncertain(LAW).",
      fmt::join(parts, ", "))};
}

}  // namespace lockstep
