#include "engine/run/study/study_keys.hpp"

#include <algorithm>
#include <optional>

#include "engine/machine/generation_name.hpp"

namespace lockstep {
namespace {

bool is_starred(const Parameter& row) {
  return row.key.find('*') != std::string_view::npos;
}

/// What stands in `key` where the starred `row` has its star; nullopt when they do not match.
std::optional<std::string> name_in(const Parameter& row, std::string_view key) {
  const std::size_t star = row.key.find('*');
  const std::string_view head = row.key.substr(0, star);
  const std::string_view tail = row.key.substr(star + 1);
  if (key.size() <= head.size() + tail.size() || !key.starts_with(head) || !key.ends_with(tail))
    return std::nullopt;
  const std::string_view name = key.substr(head.size(), key.size() - head.size() - tail.size());
  if (!is_generation_name(name)) return std::nullopt;
  return std::string(name);
}

std::string with_name(const Parameter& row, std::string_view name) {
  std::string key(row.key);
  return key.replace(key.find('*'), 1, name);
}

}  // namespace

const Parameter* StudyKeys::find(std::string_view key) const {
  for (const Parameter& row : rows_)
    if (is_starred(row) ? name_in(row, key).has_value() : row.key == key) return &row;
  return nullptr;
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
