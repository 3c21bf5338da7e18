#include "experiments/describe/idle_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/text/text.hpp"
#include "topologies/table.hpp"

namespace lockstep {
namespace {

/// Whether some design point has a value other than the default.
bool is_on(const Study& study, std::string_view key) {
  const auto known = std::find_if(study.parameters.begin(), study.parameters.end(),
                                  [&](const ResolvedParameter& p) { return p.key == key; });
  const std::string off = parse_value(*known->row, known->row->default_text, "").canonical;
  return std::any_of(study.points.begin(), study.points.end(),
                     [&](const Values& values) { return values.find(key)->canonical != off; });
}

std::string without(std::string_view missing) {
  return fmt::format("without {}", missing);
}

/// Kinds of topology that know the row, where not all do.
std::vector<std::string_view> kinds_knowing(const Parameter& row) {
  std::vector<std::string_view> knowing;
  for (const TopologyKind* kind : topology_kinds())
    if (std::any_of(kind->parameters.begin(), kind->parameters.end(),
                    [&](const Parameter& own) { return own.key == row.key; }))
      knowing.push_back(kind->name);
  return knowing;
}

/// Whether a factor on a time slows nothing at any design point.
bool never_above_one(const ResolvedParameter& parameter, const Study& study) {
  if (!parameter.row->is_factor) return false;
  return std::all_of(study.points.begin(), study.points.end(), [&](const Values& values) {
    const Distribution& law = values.law(parameter.key);
    if (law.is_none()) return false;  // off, as one meant it
    const std::vector<Distribution> laws = law.corners();
    return std::all_of(laws.begin(), laws.end(), [](const Distribution& corner) {
      return corner.quantile(1 - 0x1p-53) <= 1;
    });
  });
}

/// Why a parameter that is set has no effect; "" where it has one.
std::string why_idle(const ResolvedParameter& parameter, const Study& study,
                     const std::set<std::string>& generations) {
  const Parameter& row = *parameter.row;
  if (row.key.starts_with("chip.*.")) {
    const std::size_t name = std::string_view("chip.").size();
    const std::string generation = parameter.key.substr(name, parameter.key.rfind('.') - name);
    if (!generations.contains(generation))
      return fmt::format("where no chip is {} (there are {})", with_article(generation),
                         fmt::join(generations, ", "));
  }
  const auto is_there = [&](std::string_view key) { return is_on(study, key); };
  if (!row.needs.empty() && std::none_of(row.needs.begin(), row.needs.end(), is_there))
    return without(fmt::format("{}", fmt::join(row.needs, " or ")));
  const std::vector<std::string_view> knowing = kinds_knowing(row);
  const bool used = std::any_of(study.points.begin(), study.points.end(), [&](const Values& v) {
    return std::find(knowing.begin(), knowing.end(), v.text("topology.kind")) != knowing.end();
  });
  if (!knowing.empty() && !used)
    return without(fmt::format("topology.kind = {}", fmt::join(knowing, " or ")));
  if (never_above_one(parameter, study)) return "at 1 or below: 10 % slower is 1.1";
  return "";
}

}  // namespace

std::vector<std::string> idle_settings(const Study& study,
                                       const std::set<std::string>& generations) {
  std::vector<std::pair<std::string, std::vector<std::string>>> idle;  // keys by what is the matter
  for (const ResolvedParameter& parameter : study.parameters) {
    if (parameter.place.empty()) continue;
    std::string why = why_idle(parameter, study, generations);
    if (why.empty()) continue;
    auto known = std::find_if(idle.begin(), idle.end(),
                              [&](const auto& other) { return other.first == why; });
    if (known == idle.end()) known = idle.insert(known, {std::move(why), {}});
    known->second.push_back(parameter.key);
  }
  std::vector<std::string> texts;
  for (const auto& [why, keys] : idle)
    texts.push_back(fmt::format("{} {} no effect {}.", fmt::join(keys, ", "),
                                keys.size() == 1 ? "has" : "have", why));
  return texts;
}

}  // namespace lockstep
