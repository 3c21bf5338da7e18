#include "engine/run/study/key_hints.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/error.hpp"
#include "engine/base/text/meant_quantity.hpp"
#include "engine/base/text/nearest.hpp"
#include "engine/base/text/text.hpp"
#include "engine/machine/chip.hpp"
#include "engine/machine/meant_fleet.hpp"
#include "engine/run/study/study_keys.hpp"
#include "engine/run/study/study_values.hpp"

namespace lockstep {

namespace {

constexpr std::string_view somewhere = "see `lockstep list parameters` for every key";
constexpr std::string_view no_name = "NAME";

std::string_view last_part(std::string_view key) {
  return key.substr(key.rfind('.') + 1);
}

/// "tensor-parallel size" and "tensorParallelSize" as "tensor_parallel_size".
std::string in_words(std::string_view part) {
  std::string words;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const bool capital = lower_case(part[i]) != part[i];
    const bool after_small = i > 0 && part[i - 1] >= 'a' && part[i - 1] <= 'z';
    if (capital && after_small) words += '_';
    words += part[i] == '-' || part[i] == ' ' ? '_' : lower_case(part[i]);
  }
  return words;
}

/// The name of a generation that `key` has in it: of chip.NAME.peak, or of H100.peak.
std::string_view name_within(std::string_view key) {
  const std::size_t first = key.find('.'), last = key.rfind('.');
  if (first == std::string_view::npos) return no_name;
  const std::string_view before = key.substr(0, first);
  for (const Chip& chip : chip_catalogue())
    if (before == chip.name) return before;
  const std::string_view name = key.substr(first + 1, last > first ? last - first - 1 : 0);
  return lower_case(key[0]) == 'c' && is_generation_name(name) ? name : no_name;
}

/// Every known key, a starred one with `name` in it.
std::vector<std::string> known_keys(std::span<const Parameter> rows, std::string_view name) {
  std::vector<std::string> known{"title"};
  for (const Parameter& row : rows) {
    known.emplace_back(row.key);
    if (const auto star = row.key.find('*'); star != std::string_view::npos)
      known.back().replace(star, 1, name);
  }
  return known;
}

/// The hint of a key of ours that `value` stands at: with another value where that is meant.
std::string hint_of(std::string_view key, std::string_view value, std::span<const Parameter> rows) {
  if (key.find(no_name) != std::string_view::npos)
    return fmt::format("write {} under [chip.NAME], with the name of a generation", last_part(key));
  const Parameter* row = StudyKeys(rows).find(key);
  const auto taken = [&](std::string_view text) {
    try {
      read_value(*row, text, ".");
      return true;
    } catch (const InputError&) {
      return false;
    }
  };
  if (row == nullptr || value.empty() || taken(value)) return fmt::format("did you mean {}?", key);
  const std::vector<std::string> meant = meant_quantities(value, row->dimension);
  if (meant.size() == 1 && taken(meant[0])) return fmt::format("write {} = {}", key, meant[0]);
  return fmt::format("did you mean {}?", key);
}

/// "H100 = 24576" under [fleet].
std::string generation_as_key(std::string_view key, std::string_view value) {
  for (const Chip& chip : chip_catalogue()) {
    if (in_words(last_part(key)) != in_words(chip.name)) continue;
    const std::vector<std::string> meant =
        meant_fleets(fmt::format("{}:{}", chip.name, value), Values());
    return fmt::format("write fleet.chips = {}",
                       meant.empty() ? fmt::format("{}:COUNT", chip.name)
                                     : fmt::format("{}", fmt::join(meant, " or fleet.chips = ")));
  }
  return "";
}

std::string alias_hint(std::string_view key, std::string_view value,
                       std::span<const Parameter> rows) {
  const std::string words = in_words(last_part(key));
  for (const KeyAlias& alias : key_aliases()) {
    if (alias.name != words) continue;
    if (alias.key.empty()) return std::string(alias.advice);
    if (alias.key == "fleet.chips" && value.find(':') == std::string_view::npos)
      return "fleet.chips names each generation and its chips, for example H100:1024";
    std::string ours(alias.key);
    if (const auto star = ours.find('*'); star != std::string::npos)
      ours.replace(star, 1, name_within(key));
    return hint_of(ours, value, rows);
  }
  return "";
}

}  // namespace

std::string key_hint(std::string_view key, std::string_view value,
                     std::span<const Parameter> rows) {
  const std::string plain = plain_letters(key);
  if (plain != key && StudyKeys(rows).find(trimmed(plain)) != nullptr)
    return fmt::format("did you mean {}? (a blank or letter in it only looks like one of ours)",
                       trimmed(plain));
  const std::vector<std::string> known = known_keys(rows, name_within(key));
  const std::vector<std::string_view> views(known.begin(), known.end());
  std::vector<std::string_view> last_parts;
  for (const std::string_view candidate : views) last_parts.push_back(last_part(candidate));
  const auto key_with = [&](std::string_view last) {
    const auto found = std::find(last_parts.begin(), last_parts.end(), last);
    return found == last_parts.end() ? std::string_view()
                                     : views[static_cast<std::size_t>(found - last_parts.begin())];
  };
  // A known name under a wrong section, or under none; what others call it; a slip of the pen in
  // the whole; one under a wrong section.
  if (const auto moved = key_with(last_part(key)); !moved.empty() && last_part(key) != "title")
    return hint_of(moved, value, rows);
  if (std::string hint = alias_hint(key, value, rows); !hint.empty()) return hint;
  if (std::string hint = generation_as_key(key, value); !hint.empty()) return hint;
  if (const std::string near = nearest_name(key, views); !near.empty())
    return hint_of(near, value, rows);
  if (const auto near = key_with(nearest_name(last_part(key), last_parts)); !near.empty())
    return hint_of(near, value, rows);
  return std::string(somewhere);
}

}  // namespace lockstep
