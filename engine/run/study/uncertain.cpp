#include "engine/run/study/uncertain.hpp"

#include <fmt/format.h>

#include "engine/base/random.hpp"

namespace lockstep {
namespace {

/// The row that declares `key`; NAME of a [chip.NAME] key goes to `name`.
const Parameter* row_of(std::string_view key, std::span<const Parameter> rows,
                        std::string_view& name) {
  for (const Parameter& row : rows) {
    const auto star = row.key.find('*');
    if (star == std::string_view::npos) {
      if (row.key == key) return &row;
      continue;
    }
    const std::string_view before = row.key.substr(0, star), after = row.key.substr(star + 1);
    if (key.size() > before.size() + after.size() && key.starts_with(before) &&
        key.ends_with(after)) {
      name = key.substr(before.size(), key.size() - before.size() - after.size());
      return &row;
    }
  }
  return nullptr;
}

}  // namespace

std::vector<UncertainInput> uncertain_inputs(const Values& values,
                                             std::span<const Parameter> rows) {
  std::vector<UncertainInput> inputs;
  for (const auto& [key, value] : values.all()) {
    if (!std::holds_alternative<Distribution>(value->data)) continue;
    std::string_view name;
    const Parameter* row = row_of(key, rows, name);
    if (!row) continue;
    std::uint64_t hash = 0;
    for (char c : name) hash = (hash * 31 + static_cast<unsigned char>(c)) & 0xFFFFFFFFu;
    const std::uint64_t identity = (static_cast<std::uint64_t>(row->number) << 32) | hash;
    const auto& law = std::get<Distribution>(value->data);
    if (row->type == ValueType::real)
      inputs.push_back({std::string(key), std::string(key), identity, 0, law});
    for (const UncertainPart& part : law.uncertain_parts())
      inputs.push_back({std::string(key),
                        part.name.empty() ? std::string(key) : fmt::format("{}.{}", key, part.name),
                        identity, part.place, part.law});
  }
  return inputs;
}

double UncertainInput::draw(std::uint64_t seed, std::uint32_t trial) const {
  return law.quantile(Stream{seed, purpose::uncertain_input, trial}.uniform(identity, place));
}

Values draw_inputs(const Values& values, std::span<const UncertainInput> inputs, std::uint64_t seed,
                   std::uint32_t trial) {
  Values drawn = values;
  for (std::size_t i = 0; i < inputs.size();) {
    const auto& law = std::get<Distribution>(values.find(inputs[i].key)->data);
    if (law.uncertain_parts().empty()) {
      drawn.set(inputs[i].key, Value{inputs[i].draw(seed, trial), {}});
      ++i;
      continue;
    }
    std::vector<double> parts;
    for (; parts.size() < law.uncertain_parts().size(); ++i)
      parts.push_back(inputs[i].draw(seed, trial));
    drawn.set(inputs[i - 1].key, Value{law.at(parts), {}});
  }
  return drawn;
}

}  // namespace lockstep
