#include "engine/model/uncertain.hpp"

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
    if (!std::holds_alternative<Distribution>(value.data)) continue;
    std::string_view name;
    const Parameter* row = row_of(key, rows, name);
    if (!row || row->type != ValueType::real) continue;
    std::uint64_t hash = 0;
    for (char c : name) hash = (hash * 31 + static_cast<unsigned char>(c)) & 0xFFFFFFFFu;
    inputs.push_back({key, (static_cast<std::uint64_t>(row->number) << 32) | hash});
  }
  return inputs;
}

Values draw_inputs(const Values& values, std::span<const UncertainInput> inputs, std::uint64_t seed,
                   std::uint32_t trial) {
  const Stream stream{seed, Purpose::uncertain_input, trial};
  Values drawn = values;
  for (const UncertainInput& input : inputs) {
    const Distribution& law = std::get<Distribution>(values.all().at(input.key).data);
    drawn.set(input.key, Value{law.quantile(stream.uniform(input.identity, 0)), {}});
  }
  return drawn;
}

}  // namespace lockstep
