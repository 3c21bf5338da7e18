#include "engine/run/study/parameter_text.hpp"

#include <algorithm>
#include <vector>

#include "engine/base/text/text.hpp"
#include "engine/run/study/study.hpp"
#include "engine/run/study/study_values.hpp"

namespace lockstep {

std::string parameter_text(const ResultSchema& schema, std::string_view key, std::int64_t point) {
  for (auto axis = schema.axes.rbegin(); axis != schema.axes.rend(); ++axis) {
    const auto size = static_cast<std::int64_t>(axis->labels.size());
    const std::string& label = axis->labels[static_cast<std::size_t>(point % size)];
    point /= size;
    if (axis->key == key) return label;
    const std::vector<std::string> keys = split_values(axis->key);
    const auto linked = std::find(keys.begin(), keys.end(), key);
    if (linked != keys.end())
      return std::string(
          without_quotes(split_values(std::string_view(label).substr(1, label.size() - 2))
                             .at(static_cast<std::size_t>(linked - keys.begin()))));
  }
  for (std::string_view line : split_outside_parentheses(schema.resolved_parameters, '\n')) {
    constexpr std::string_view equals = " = ";
    if (line.starts_with(key) && line.substr(key.size()).starts_with(equals))
      return std::string(line.substr(key.size() + equals.size()));
  }
  return "";
}

}  // namespace lockstep
