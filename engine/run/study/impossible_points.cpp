#include "engine/run/study/impossible_points.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "engine/machine/fleet.hpp"
#include "engine/run/study/study_values.hpp"

namespace lockstep {
namespace {

constexpr std::string_view fleet_key = "fleet.chips";

/// Where `text` names the whole of `key`, or npos.
std::size_t find_key(std::string_view text, std::string_view key) {
  const auto in_a_name = [&](std::size_t i) {
    return i < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
  };
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1))
    if (!in_a_name(at + key.size()) && (at == 0 || !in_a_name(at - 1))) return at;
  return std::string_view::npos;
}

/// Where the user wrote the first of the keys that `text` names.
std::string place_of_first_key(const Study& study, std::string_view text) {
  std::string place = study.path;
  std::size_t first = std::string_view::npos;
  for (const ResolvedParameter& parameter : study.parameters) {
    if (parameter.place.empty()) continue;
    const std::size_t at = find_key(text, parameter.key);
    if (at >= first) continue;
    first = at;
    place = parameter.place;
  }
  return place;
}

/// fleet.chips is the one text whose grammar the model reads, so its messages start with the part
/// they are about. With the key in front they read like any other value's.
void check_fleet(const Values& values) {
  try {
    fleet_from(values);
  } catch (const InputError& error) {
    const std::string text = error.what();
    for (const std::string_view key : {fleet_key, std::string_view("fleet.inventory")})
      if (text.starts_with(key)) throw;
    throw InputError(fmt::format("{}: {}", shown(fleet_key, values.text(fleet_key)), text));
  }
}

}  // namespace

bool ImpossiblePoints::holds(std::size_t point, const std::function<void()>& build) {
  try {
    check_fleet(study_.points[point]);
    build();
    return true;
  } catch (const InputError& error) {
    const std::string text = error.what();
    auto known = std::find_if(problems_.begin(), problems_.end(),
                              [&](const Problem& problem) { return problem.text == text; });
    if (known == problems_.end())
      known = problems_.insert(known, {text, place_of_first_key(study_, text), {}});
    known->points.push_back(point);
    return false;
  }
}

void ImpossiblePoints::throw_if_any() const {
  if (problems_.empty()) return;
  std::vector<std::string> messages;
  for (const auto& [text, place, points] : problems_) {
    const std::size_t more = points.size() - 1;
    const std::string name =
        points.size() == study_.points.size()
            ? ""
            : fmt::format("design point {}{}: ", study_.point_names[points.front()],
                          more == 0 ? "" : fmt::format(" and {} more", more));
    messages.push_back(fmt::format("{}: {}{}", place, name, text));
  }
  throw first_problems(std::move(messages));
}

}  // namespace lockstep
