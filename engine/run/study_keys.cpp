#include "engine/run/study_keys.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "engine/base/nearest.hpp"

namespace lockstep {
namespace {

bool is_starred(const Parameter& row) {
  return row.key.find('*') != std::string_view::npos;
}

bool is_name(std::string_view text) {
  constexpr std::string_view legal =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  return !text.empty() && text.find_first_not_of(legal) == std::string_view::npos;
}

/// What stands in `key` where the starred `row` has its star; nullopt when they do not match.
std::optional<std::string> name_in(const Parameter& row, std::string_view key) {
  const std::size_t star = row.key.find('*');
  const std::string_view head = row.key.substr(0, star);
  const std::string_view tail = row.key.substr(star + 1);
  if (key.size() <= head.size() + tail.size() || !key.starts_with(head) || !key.ends_with(tail))
    return std::nullopt;
  const std::string_view name = key.substr(head.size(), key.size() - head.size() - tail.size());
  if (!is_name(name)) return std::nullopt;
  return std::string(name);
}

std::string with_name(const Parameter& row, std::string_view name) {
  std::string key(row.key);
  return key.replace(key.find('*'), 1, name);
}

std::string_view last_part(std::string_view key) {
  return key.substr(key.rfind('.') + 1);
}

}  // namespace

const Parameter* StudyKeys::find(std::string_view key) const {
  for (const Parameter& row : rows_)
    if (is_starred(row) ? name_in(row, key).has_value() : row.key == key) return &row;
  return nullptr;
}

std::string StudyKeys::suggestion(std::string_view key) const {
  // A starred row is compared under the NAME that the unknown key has between its first two dots.
  const std::size_t dot = std::min(key.find('.'), key.size());
  const std::string_view rest = key.substr(std::min(dot + 1, key.size()));
  const std::size_t second = rest.find('.');
  const std::string_view name = second == std::string_view::npos ? "" : rest.substr(0, second);
  std::vector<std::string> known{"title"};
  for (const Parameter& row : rows_)
    known.push_back(is_starred(row) ? with_name(row, is_name(name) ? name : "NAME")
                                    : std::string(row.key));
  const std::vector<std::string_view> views(known.begin(), known.end());
  std::string meant = nearest_name(key, views);
  if (meant.empty()) {
    // A name under a wrong section, or under none, is too far away from the whole key.
    std::vector<std::string_view> last_parts;
    for (const std::string_view candidate : views) last_parts.push_back(last_part(candidate));
    const std::string last = nearest_name(last_part(key), last_parts);
    const auto found = std::find(last_parts.begin(), last_parts.end(), last);
    if (found != last_parts.end())
      meant = views[static_cast<std::size_t>(found - last_parts.begin())];
  }
  if (meant.empty()) return "see `lockstep list parameters` for every key";
  return fmt::format("did you mean {}?", meant);
}

std::vector<KeyedRow> StudyKeys::expand(std::span<const std::string> used) const {
  std::set<std::string> names;
  for (const Parameter& row : rows_)
    if (is_starred(row))
      for (const std::string& key : used)
        if (auto name = name_in(row, key)) names.insert(*name);
  std::vector<KeyedRow> expanded;
  bool starred_done = false;
  for (const Parameter& row : rows_) {
    if (!is_starred(row)) {
      expanded.push_back({&row, std::string(row.key)});
    } else if (!starred_done) {
      starred_done = true;
      for (const std::string& name : names)
        for (const Parameter& starred : rows_)
          if (is_starred(starred)) expanded.push_back({&starred, with_name(starred, name)});
    }
  }
  return expanded;
}

}  // namespace lockstep
