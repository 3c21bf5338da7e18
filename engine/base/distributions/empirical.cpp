#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "engine/base/distributions/kinds.hpp"
#include "engine/base/error.hpp"
#include "engine/base/sha256.hpp"
#include "engine/base/text/csv.hpp"
#include "engine/base/text/meant_quantity.hpp"
#include "engine/base/text/text.hpp"

namespace lockstep {

namespace {

/// The measured values, each as likely as the others; nothing is interpolated.
struct Empirical final : Law {
  explicit Empirical(std::vector<double> ascending) : values(std::move(ascending)) {
    for (const double v : values) centre += (v - values.front()) / count();
    centre += values.front();
    for (const double v : values) spread += (v - centre) * (v - centre) / count();
  }
  double count() const { return static_cast<double>(values.size()); }
  double mean() const override { return centre; }
  double variance() const override { return spread; }
  double quantile(double u) const override {
    const double place = u * count();
    const auto above = static_cast<std::size_t>(place);
    // On the border of two values the lower one; rounding may reach past the last.
    const bool border = above > 0 && static_cast<double>(above) == place;
    return values[std::min(border ? above - 1 : above, values.size() - 1)];
  }
  double cdf(double x) const override {
    const auto end = std::upper_bound(values.begin(), values.end(), x);
    return static_cast<double>(end - values.begin()) / count();
  }
  std::vector<double> values;
  double centre = 0;
  double spread = 0;
};

bool is_unit(std::string_view text, Dimension dimension) {
  return fmt::format(" {} ", accepted_units(dimension)).find(fmt::format(" {} ", text)) !=
         std::string::npos;
}

/// Reads the lines of one file: the unit, where one is due, then the values.
struct Reader {
  Dimension dimension;
  std::string unit = {};
  std::vector<double> values = {};

  void read(const CsvLine& line) {
    const std::string& text = line.fields.front();
    if (line.fields.size() > 1)
      throw InputError(
          fmt::format("{} values (one a line is due) put each on a line of its own, with a decimal "
                      "point where it has decimals",
                      line.fields.size()));
    if (unit.empty() && dimension != Dimension::none) {
      read_unit(text);
      return;
    }
    const double value = parse_quantity(text + unit, dimension);
    if (value < 0)
      throw InputError(fmt::format("'{}' is negative (allowed: >= 0) remove the line", text));
    values.push_back(value);
  }

  void read_unit(const std::string& text) {
    if (is_unit(text, dimension)) {
      unit = text;
      return;
    }
    std::string meant;
    for (const std::string& one : meant_quantities("1" + text, dimension))
      if (one.starts_with("1") && is_unit(one.substr(1), dimension))
        meant += (meant.empty() ? "did you mean " : " or ") + one.substr(1);
    throw InputError(fmt::format(
        "'{}' is not a unit (the first line names the unit of all values) {}", text,
        meant.empty() ? fmt::format("write one of {}", accepted_units(dimension)) : meant + "?"));
  }
};

std::vector<double> read_values(const std::filesystem::path& path, Dimension dimension) {
  Reader reader{dimension};
  try {
    read_csv_lines(read_csv_content(path), path, [&](const CsvLine& line) { reader.read(line); });
  } catch (const InputError& error) {
    throw InputError(fmt::format("empirical: {}", error.what()));
  }
  if (reader.values.empty())
    throw InputError(fmt::format(
        "empirical: '{}' has no values (one number a line is due, below a line with the unit) add "
        "some",
        path.string()));
  return reader.values;
}

LawText read(std::string_view inside, Dimension dimension, const std::string& directory) {
  std::string_view name = trimmed(inside);
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"') {
    name = name.substr(1, name.size() - 2);
  }
  if (name.empty()) {
    throw InputError(
        "empirical() names no file (a CSV file of values is due) write "
        "empirical(FILE.csv)");
  }
  std::vector<double> values =
      read_values((std::filesystem::path(directory) / name).lexically_normal(), dimension);
  std::sort(values.begin(), values.end());
  std::string content;
  for (const double v : values) content += format_number(v) + "\n";
  return {std::make_shared<const Empirical>(std::move(values)),
          "empirical(sha256=" + sha256_hex(content) + ")"};
}

}  // namespace

DistributionKind empirical_kind() {
  return {
      "empirical", "measured values, one a line below a line with their unit: empirical(FILE.csv)",
      {},          "definition",
      nullptr,     read};
}

}  // namespace lockstep
