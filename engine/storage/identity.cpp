#include "engine/storage/identity.hpp"

#include <fmt/format.h>

#include <algorithm>
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
          shard ? fmt::format("{}/{}", shard->index, shard->count) : ""};
}

std::string difference(const Identity& theirs, const Identity& ours) {
  const auto differs = [](const char* name, const std::string& left, const std::string& right) {
    const auto show = [](const std::string& text) { return text.empty() ? "none" : text; };
    return left == right
               ? std::string()
               : fmt::format("its {} is {}, here it is {}", name, show(left), show(right));
  };
  const std::pair<const char*, std::string Identity::*> fields[] = {
      {"schema version", &Identity::schema_version},
      {"program version", &Identity::program_version},
      {"git commit", &Identity::git_commit},
      {"study_id", &Identity::study_id},
      {"seed", &Identity::seed},
      {"shard", &Identity::shard}};
  for (const auto& [name, field] : fields)
    if (std::string text = differs(name, theirs.*field, ours.*field); !text.empty()) return text;
  return "";
}

std::string parameter_difference(const ResultSchema& theirs, const ResultSchema& ours) {
  std::string_view left = theirs.resolved_parameters, right = ours.resolved_parameters;
  const auto take_line = [](std::string_view& lines) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    return line;
  };
  while (!left.empty() || !right.empty()) {
    const std::string_view mine = take_line(left), here = take_line(right);
    if (mine == here) continue;
    const std::string_view key = here.substr(0, std::min(here.find(" ="), here.size()));
    return !key.empty() && mine.starts_with(key)
               ? fmt::format("its {}, here {}", mine, here)
               : fmt::format("its parameters differ at {}", mine.empty() ? here : mine);
  }
  return "";
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

std::string layout_digest(const ResultSchema& schema) {
  std::string all;
  const auto add = [&](const std::string& text) { all += measured(text); };
  const auto number = [&](double value) { all += fmt::format("{:a}\n", value); };
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
  count(schema.generations.size());
  for (const std::string& generation : schema.generations) add(generation);
  if (!schema.causes.empty()) {  // none in files of version 1.0
    count(schema.causes.size());
    for (const std::string& cause : schema.causes) add(cause);
  }
  count(schema.variables.size());
  for (const Variable& variable : schema.variables) {
    add(variable.name);
    add(variable.units);
    add(variable.long_name);
    count(variable.extents.size());
    for (Extent extent : variable.extents)
      all += extent == Extent::step ? 's' : extent == Extent::cause ? 'c' : 'g';
  }
  count(schema.point_variables.size());
  for (const PointVariable& variable : schema.point_variables) {
    add(variable.name);
    add(variable.units);
    add(variable.long_name);
    count(variable.numbers.size());
    for (double value : variable.numbers) number(value);
    count(variable.texts.size());
    for (const std::string& text : variable.texts) add(text);
  }
  return sha256_hex(all);
}

std::string header_digest(const ResultSchema& schema) {
  std::string all = layout_digest(schema);
  for (const std::string& text : {schema.title, schema.study_text, schema.study_id,
                                  schema.program_version, schema.git_commit})
    all += measured(text);
  all += fmt::format("{}\n", schema.seed);
  for (const std::string& text : schema.overrides) all += measured(text);
  for (const std::string& text : schema.warnings) all += measured(text);  // none before 1.3
  if (!schema.until.empty())  // none in files of version 1.1
    all += measured(schema.until) + (schema.until_met ? "met" : "not met");
  return sha256_hex(all);
}

}  // namespace lockstep
