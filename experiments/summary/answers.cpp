#include "experiments/summary/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/table.hpp"

namespace lockstep {
namespace {

using Strings = std::vector<std::string>;

bool contains(const Strings& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string label_of(const Answer& row, const std::string& key) {
  for (const auto& [name, value] : row.labels)
    if (name == key) return value;
  return "";
}

/// Shortest text that reads back as the same double; "" where it is not a number.
std::string exact(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

/// Every label that some row has, in order of appearance.
Strings label_keys(const std::vector<Answers>& all) {
  Strings keys;
  for (const Answers& answers : all)
    for (const Answer& row : answers.rows)
      for (const auto& [key, value] : row.labels)
        if (!contains(keys, key)) keys.push_back(key);
  return keys;
}

}  // namespace

void group_by(const std::string& by, std::vector<Answer>& rows) {
  Strings order;
  for (const Answer& row : rows)
    if (!contains(order, label_of(row, by))) order.push_back(label_of(row, by));
  const auto place = [&](const Answer& row) {
    return std::find(order.begin(), order.end(), label_of(row, by)) - order.begin();
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Answer& a, const Answer& b) { return place(a) < place(b); });
}

std::string answers_text(const Answers& answers, const std::optional<std::string>& by) {
  std::vector<Strings> rows(1);
  const Strings keys = label_keys({answers});
  rows[0] = keys;
  rows[0].emplace_back("trials");
  for (const std::string& statistic : answers.statistics)
    rows[0].push_back(statistic + (contains(answers.percent, statistic) ? " %" : ""));
  for (const Answer& row : answers.rows) {
    Strings& cells = rows.emplace_back();
    for (const std::string& key : keys) cells.push_back(label_of(row, key));
    cells.push_back(fmt::format("{}", row.trials));
    for (std::size_t s = 0; s < row.estimates.size(); ++s) {
      Estimate shown = row.estimates[s];
      if (contains(answers.percent, answers.statistics[s]))
        shown = {100 * shown.value, 100 * shown.lower, 100 * shown.upper};
      // A mean of one trial is what it is; a quantile of too few would be invented.
      cells.push_back(format_estimate(shown, answers.statistics[s].starts_with("mean")));
    }
  }
  return fmt::format("{} [{}]: {}\n\n{}\n{}\n", answers.variable.name, answers.variable.units,
                     answers.variable.long_name, by ? format_blocks(rows, *by) : format_table(rows),
                     answers.note);
}

std::string answers_csv(const std::vector<Answers>& all) {
  const Strings keys = label_keys(all);
  std::string text = "variable,units";
  for (const std::string& key : keys) text += "," + csv_field(key);
  text += ",trials,statistic,value,lower,upper\n";
  for (const Answers& answers : all)
    for (const Answer& row : answers.rows)
      for (std::size_t s = 0; s < row.estimates.size(); ++s) {
        text += csv_field(answers.variable.name) + "," + csv_field(answers.variable.units);
        for (const std::string& key : keys) text += "," + csv_field(label_of(row, key));
        const Estimate& e = row.estimates[s];
        text += fmt::format(",{},{},{},{},{}\n", row.trials, csv_field(answers.statistics[s]),
                            exact(e.value), exact(e.lower), exact(e.upper));
      }
  return text;
}

}  // namespace lockstep
