#include "experiments/idle_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "topologies/table.hpp"

namespace lockstep {
namespace {

/// Whether some design point has a value other than the default.
bool is_on(const Study& study, std::string_view key) {
  const auto known = std::find_if(study.parameters.begin(), study.parameters.end(),
                                  [&](const ResolvedParameter& p) { return p.key == key; });
  const std::string off = parse_value(*known->row, known->row->default_text, "").canonical;
  return std::any_of(study.points.begin(), study.points.end(), [&](const Values& values) {
    return values.all().find(key)->second.canonical != off;
  });
}

/// What a parameter needs to have an effect and no design point has; "" where nothing is missing.
std::string missing_for(const Parameter& row, const Study& study) {
  const auto is_there = [&](std::string_view key) { return is_on(study, key); };
  if (!row.needs.empty() && std::none_of(row.needs.begin(), row.needs.end(), is_there))
    return fmt::format("{}", fmt::join(row.needs, " or "));
  std::vector<std::string_view> knowing;  // kinds, where it is not everyone's
  for (const TopologyKind* kind : topology_kinds())
    if (std::any_of(kind->parameters.begin(), kind->parameters.end(),
                    [&](const Parameter& own) { return own.key == row.key; }))
      knowing.push_back(kind->name);
  const bool used = std::any_of(study.points.begin(), study.points.end(), [&](const Values& v) {
    return std::find(knowing.begin(), knowing.end(), v.text("topology.kind")) != knowing.end();
  });
  if (knowing.empty() || used) return "";
  return fmt::format("topology.kind = {}", fmt::join(knowing, " or "));
}

}  // namespace

std::vector<std::string> idle_settings(const Study& study) {
  std::vector<std::pair<std::string, std::vector<std::string>>> idle;  // keys by what they need
  for (const ResolvedParameter& parameter : study.parameters) {
    if (parameter.place.empty()) continue;
    std::string missing = missing_for(*parameter.row, study);
    if (missing.empty()) continue;
    auto known = std::find_if(idle.begin(), idle.end(),
                              [&](const auto& other) { return other.first == missing; });
    if (known == idle.end()) known = idle.insert(known, {std::move(missing), {}});
    known->second.push_back(parameter.key);
  }
  std::vector<std::string> texts;
  for (const auto& [missing, keys] : idle)
    texts.push_back(fmt::format("{} {} no effect without {}.", fmt::join(keys, ", "),
                                keys.size() == 1 ? "has" : "have", missing));
  return texts;
}

}  // namespace lockstep
