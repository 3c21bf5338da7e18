#include "engine/storage/identity.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include "engine/base/sha256.hpp"

namespace lockstep {

std::string schema_version() {
  return fmt::format("{}.{}", schema_major, schema_minor);
}

Identity identity_of(const ResultSchema& schema, const std::optional<Shard>& shard) {
  return {schema_version(),
          schema.program_version,
          schema.git_commit,
          schema.study_id,
          fmt::format("{}", schema.seed),
          shard ? fmt::format("{}/{}", shard->index, shard->count) : "",
          schema.resolved_parameters,
          fmt::format("{}", fmt::join(schema.overrides, "\n"))};
}

namespace {

std::string differs(std::string_view name, const std::string& theirs, const std::string& ours) {
  const auto show = [](const std::string& text) { return text.empty() ? "none" : text; };
  return theirs == ours
             ? std::string()
             : fmt::format("its {} is {}, here it is {}", name, show(theirs), show(ours));
}

/// Values by key, of lines "key = value".
std::map<std::string, std::string> values_of(std::string_view lines) {
  std::map<std::string, std::string> values;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    const auto equals = std::min(line.find(" ="), line.size());
    values.emplace(line.substr(0, equals), line.substr(std::min(line.size(), equals + 3)));
  }
  return values;
}

/// The seed, which is no part of a study, is left to whoever compares it.
std::string parameter_difference(const Identity& theirs, const Identity& ours) {
  constexpr std::size_t most_named = 3;
  std::map<std::string, std::string> left = values_of(theirs.parameters),
                                     right = values_of(ours.parameters);
  for (const auto& entry : right) left.try_emplace(entry.first);
  left.erase("sampling.seed");
  std::vector<std::string> texts;
  std::size_t more = 0;
  for (const auto& [key, value] : left)
    if (std::string text = differs(key, value, right[key]); text.empty())
      continue;
    else if (texts.size() < most_named)
      texts.push_back(std::move(text));
    else
      ++more;
  if (more > 0) texts.push_back(fmt::format("and {} more", more));
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace

std::string difference(const Identity& theirs, const Identity& ours) {
  const std::pair<const char*, std::string Identity::*> fields[] = {
      {"schema version", &Identity::schema_version},
      {"program version", &Identity::program_version},
      {"git commit", &Identity::git_commit},
      {"study_id", &Identity::study_id},
      {"seed", &Identity::seed},
      {"shard", &Identity::shard}};
  for (const auto& [name, field] : fields) {
    const std::string text = differs(name, theirs.*field, ours.*field);
    if (text.empty()) continue;
    // A study_id tells nobody what differs.
    const std::string named =
        field == &Identity::study_id ? parameter_difference(theirs, ours) : std::string();
    return named.empty() ? text : named;
  }
  return "";
}

std::string way_on(const Identity& theirs, const Identity& ours) {
  constexpr std::string_view elsewhere = "choose another -o";
  const bool other_study = theirs.study_id != ours.study_id || theirs.seed != ours.seed;
  if (!other_study || theirs.overrides == ours.overrides) return std::string(elsewhere);
  if (theirs.overrides.empty())
    return fmt::format("go on without --set, --trials and --seed, as it began, or {}", elsewhere);
  std::string options = theirs.overrides;
  std::replace(options.begin(), options.end(), '\n', ' ');
  return fmt::format("go on with {} as it began, or {}", options, elsewhere);
}

BlockResult place_of(const ResultSchema& schema, std::int64_t block) {
  BlockResult place;
  place.block = block;
  place.point = block / schema.blocks_per_point();
  place.first_trial = (block % schema.blocks_per_point()) * schema.block_trials;
  place.trials = std::min(schema.block_trials, schema.trials - place.first_trial);
  return place;
}

std::int64_t values_per_block(const ResultSchema& schema) {
  std::int64_t values = 0;
  for (const Variable& variable : schema.variables)
    values += schema.block_trials * schema.values_per_trial(variable);
  return values;
}

namespace {

/// A text with its length, so that no two lists of texts give the same string.
std::string measured(const std::string& text) {
  return fmt::format("{}:{}\n", text.size(), text);
}

}  // namespace

std::string hexadecimal(double value) {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  char text[32];
  const auto [end, error] =
      std::to_chars(std::begin(text), std::end(text), std::fabs(value), std::chars_format::hex);
  return (std::signbit(value) ? "-0x" : "0x") + std::string(text, end);
}

std::string layout_digest(const ResultSchema& schema) {
  std::string all;
  const auto add = [&](const std::string& text) { all += measured(text); };
  const auto number = [&](double value) { all += hexadecimal(value) + '\n'; };
  const auto count = [&](std::size_t n) { all += fmt::format("#{}\n", n); };
  add(schema.resolved_parameters);
  all += fmt::format("{} {} {}\n", schema.trials, schema.block_trials, schema.steps);
  count(schema.axes.size());
  for (const Axis& axis : schema.axes) {
    add(axis.key);
    add(axis.units);
    count(axis.labels.size());
    for (const std::string& label : axis.labels) add(label);
    count(axis.numbers.size());
    for (double value : axis.numbers) number(value);
  }
  count(schema.extents.size());
  for (const Extent& extent : schema.extents) {
    add(extent.name);
    add(extent.long_name);
    count(extent.labels.size());
    for (const std::string& label : extent.labels) add(label);
  }
  count(schema.variables.size());
  for (const Variable& variable : schema.variables) {
    add(variable.name);
    add(variable.units);
    add(variable.long_name);
    count(variable.extents.size());
    for (const std::string& extent : variable.extents) add(extent);
  }
  count(schema.point_variables.size());
  for (const PointVariable& variable : schema.point_variables) {
    add(variable.name);
    add(variable.units);
    add(variable.long_name);
    count(variable.extents.size());
    for (const std::string& extent : variable.extents) add(extent);
    count(variable.numbers.size());
    for (double value : variable.numbers) number(value);
    count(variable.texts.size());
    for (const std::string& text : variable.texts) add(text);
  }
  return sha256_hex(all);
}

std::string header_digest(const ResultSchema& schema, const std::string& layout) {
  std::string all = layout;
  for (const std::string& text : {schema.title, schema.study_text, schema.study_id,
                                  schema.program_version, schema.git_commit})
    all += measured(text);
  all += fmt::format("{}\n", schema.seed);
  for (const std::string& text : schema.overrides) all += measured(text);
  for (const std::string& text : schema.warnings) all += measured(text);
  if (!schema.until.empty()) all += measured(schema.until) + (schema.until_met ? "met" : "not met");
  return sha256_hex(all);
}

std::string header_digest(const ResultSchema& schema) {
  return header_digest(schema, layout_digest(schema));
}

}  // namespace lockstep
