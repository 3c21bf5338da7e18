#include "engine/run/study/study_axes.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "engine/base/text/meant_quantity.hpp"
#include "engine/machine/meant_fleet.hpp"
#include "engine/run/study/study_values.hpp"

namespace lockstep {
namespace {

bool in_parentheses(std::string_view text) {
  return text.size() >= 2 && text.front() == '(' && text.back() == ')';
}

/// The texts of one label, one per key.
std::vector<std::string> columns(const std::string& label, std::size_t keys) {
  if (keys == 1) return {label};
  if (!in_parentheses(label))
    throw InputError(
        fmt::format("not a tuple (the axis changes {} keys together) write {} values "
                    "in parentheses, tuples separated by commas",
                    keys, keys));
  std::vector<std::string> texts =
      split_values(std::string_view(label).substr(1, label.size() - 2));
  if (texts.size() != keys)
    throw InputError(
        fmt::format("{} values in the tuple (the axis changes {} keys together) give "
                    "one value for each key",
                    texts.size(), keys));
  return texts;
}

/// The number a value is, if it is a plain one: also of a law that is constant.
std::optional<double> plain_number(const Value& value) {
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  const auto* law = std::get_if<Distribution>(&value.data);
  const bool plain = law != nullptr && law->is_constant() && law->uncertain_parts().empty();
  return plain ? std::optional(law->mean()) : std::nullopt;
}

void fill_numbers(const Parameter& row, AxisValues& axis) {
  std::vector<double> numbers;
  for (const std::vector<Value>& value : axis.values) {
    const std::optional<double> number = plain_number(value.front());
    if (!number) return;
    numbers.push_back(*number);
  }
  axis.axis.numbers = std::move(numbers);
  axis.axis.units = unit_symbol(row.dimension);
}

/// "8,000,000,000" is one number to its writer: no list has values such as 000, or the same twice.
void refuse_thousands(const Parameter& row, std::string_view text,
                      const std::vector<std::string>& labels,
                      const std::vector<std::string>& problems, const std::string& shown_key) {
  const bool zeros = std::any_of(labels.begin(), labels.end(), [](const std::string& label) {
    return label.size() == 3 && label[0] == '0' &&
           label.find_first_not_of("0123456789") == std::string::npos;
  });
  if (!zeros && problems.empty()) return;
  std::string meant;
  const bool fleet = row.key == "fleet.chips";
  for (const std::string& number :
       fleet ? meant_fleets(text, Values()) : meant_quantities(text, row.dimension))
    try {
      read_value(row, number, ".");
      meant += fmt::format("{}{}", meant.empty() ? "did you mean " : " or ", number);
    } catch (const InputError&) {
    }
  if (!meant.empty())
    throw InputError(fmt::format("{}: '{}' is {} values (commas part them) {}?",
                                 shown(shown_key, text), text, labels.size(), meant));
}

}  // namespace

std::vector<std::string> axis_keys(std::string_view text) {
  if (text.find_first_of("(),\"") == std::string_view::npos) return {std::string(text)};
  const InputError malformed(
      "not a key to sweep (one key, or two or more different ones in parentheses) write for "
      "example topology.kind or (job.tensor, job.pipeline)");
  if (!in_parentheses(text)) throw malformed;
  const std::string_view inner = text.substr(1, text.size() - 2);
  if (inner.find_first_of("()\"") != std::string_view::npos) throw malformed;
  std::vector<std::string> keys = split_values(inner);
  std::vector<std::string> sorted = keys;
  std::sort(sorted.begin(), sorted.end());
  if (keys.size() < 2 || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    throw malformed;
  return keys;
}

AxisValues read_axis(const std::vector<std::string>& keys, std::span<const Parameter* const> rows,
                     std::string_view text, const std::string& directory) {
  AxisValues result;
  result.keys = keys;
  result.axis.key = fmt::format("{}", fmt::join(keys, ","));
  const std::string shown_key =
      "sweep." + (keys.size() == 1 ? keys.front() : '(' + result.axis.key + ')');
  if (const std::string_view inside = without_brackets(text); inside != text)
    throw InputError(fmt::format(
        "{}: '{}' is in brackets (an axis is its values with commas between) did you mean {}?",
        shown(shown_key, text), text, inside));
  std::vector<std::string> problems;
  std::map<std::vector<std::string>, std::string> seen;  // canonical texts -> label
  std::vector<std::string> labels;
  try {
    labels = split_values(text);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", shown(shown_key, text), error.what()));
  }
  for (const std::string& label : labels) {
    try {
      std::vector<std::string> texts = columns(label, keys.size());
      std::vector<Value> values;
      std::vector<std::string> canonical;
      for (std::size_t k = 0; k < keys.size(); ++k) {
        values.push_back(read_value(*rows[k], texts[k], directory));
        canonical.push_back(values.back().canonical);
      }
      const auto [first, is_new] = seen.emplace(std::move(canonical), label);
      if (!is_new)
        throw InputError(fmt::format(
            "a value twice (it equals '{}', written earlier) remove one of them{}", first->second,
            rows.front()->type == ValueType::text ? ", or put what has commas in quotes" : ""));
      result.axis.labels.push_back(label);
      result.texts.push_back(std::move(texts));
      result.values.push_back(std::move(values));
    } catch (const InputError& error) {
      problems.push_back(fmt::format("{}: {}", shown(shown_key, label), error.what()));
    }
  }
  if (keys.size() == 1) refuse_thousands(*rows.front(), text, labels, problems, shown_key);
  if (!problems.empty()) throw InputError(std::move(problems));
  if (keys.size() == 1) fill_numbers(*rows.front(), result);
  return result;
}

void expand_points(const Values& base, std::span<const AxisValues> axes, Study& study) {
  std::int64_t points = 1;
  for (const AxisValues& axis : axes) {
    points *= static_cast<std::int64_t>(axis.values.size());
    if (points > most_design_points)
      throw InputError(
          fmt::format("sweep: more than {} design points (the axes form the full "
                      "grid) sweep fewer values, or link axes in parentheses",
                      most_design_points));
  }
  Values common = base;
  common.share();
  for (std::int64_t point = 0; point < points; ++point) {
    Values values = common;
    std::string name;
    std::int64_t stride = points;
    for (const AxisValues& axis : axes) {
      const auto size = static_cast<std::int64_t>(axis.values.size());
      stride /= size;
      const auto index = static_cast<std::size_t>(point / stride % size);
      for (std::size_t k = 0; k < axis.keys.size(); ++k) {
        values.set(axis.keys[k], axis.values[index][k]);
        name +=
            fmt::format("{}{}={}", name.empty() ? "" : ", ", axis.keys[k], axis.texts[index][k]);
      }
    }
    study.points.push_back(std::move(values));
    study.point_names.push_back(std::move(name));
  }
}

std::string canonical_axis(const Study& study, std::size_t axis) {
  std::size_t stride = 1;
  for (std::size_t later = axis + 1; later < study.axes.size(); ++later)
    stride *= study.axes[later].labels.size();
  const std::string& joined = study.axes[axis].key;
  const std::vector<std::string> keys = split_values(joined);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < study.axes[axis].labels.size(); ++i) {
    std::vector<std::string> tuple;
    for (const std::string& key : keys)
      tuple.push_back(listed(study.points[i * stride].find(key)->canonical));
    const std::string text = fmt::format("{}", fmt::join(tuple, ", "));
    values.push_back(keys.size() == 1 ? text : '(' + text + ')');
  }
  return fmt::format("sweep.{} = {}", keys.size() == 1 ? joined : '(' + joined + ')',
                     fmt::join(values, ", "));
}

}  // namespace lockstep
