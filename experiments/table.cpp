#include "experiments/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace lockstep {
namespace {

/// Columns a UTF-8 text takes on a terminal, for characters of one column each.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool is_number(const std::string& cell) {
  const bool has_digit =
      std::any_of(cell.begin(), cell.end(), [](char c) { return c >= '0' && c <= '9'; });
  return cell == "-" ||
         (has_digit && cell.find_first_not_of("0123456789+-.e± <>()to") == std::string::npos);
}

/// Decimals that show `value` to `significant` digits.
int decimals_for(double value, int significant) {
  if (value == 0) return 0;
  return std::max(0, significant - 1 - static_cast<int>(std::floor(std::log10(std::fabs(value)))));
}

/// Whether fixed notation is short enough.
bool is_handy(double value) {
  return value == 0 || (std::fabs(value) >= 1e-4 && std::fabs(value) < 1e7);
}

}  // namespace

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  const std::size_t columns = rows.front().size();
  std::vector<std::size_t> width(columns, 0);
  std::vector<bool> numeric(columns, true);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      width[c] = std::max(width[c], columns_of(rows[r][c]));
      if (r > 0 && !is_number(rows[r][c])) numeric[c] = false;
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string space(width[c] - columns_of(row[c]), ' ');
      line += numeric[c] ? space + row[c] + "  " : row[c] + space + "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string format_blocks(const std::vector<std::vector<std::string>>& rows,
                          const std::string& by) {
  const auto column = std::find(rows[0].begin(), rows[0].end(), by) - rows[0].begin();
  std::vector<std::pair<std::string, std::vector<std::vector<std::string>>>> blocks;
  const auto without = [&](std::vector<std::string> cells) {
    cells.erase(cells.begin() + column);
    return cells;
  };
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string& value = rows[r][static_cast<std::size_t>(column)];
    auto block = std::find_if(blocks.begin(), blocks.end(),
                              [&](const auto& known) { return known.first == value; });
    if (block == blocks.end()) block = blocks.insert(block, {value, {without(rows[0])}});
    block->second.push_back(without(rows[r]));
  }
  std::string text;
  for (const auto& [value, table] : blocks)
    text += fmt::format("{}{} = {}\n{}", text.empty() ? "" : "\n", by, value, format_table(table));
  return text;
}

std::string format_value(double value) {
  if (std::isnan(value)) return "-";
  if (!is_handy(value)) return fmt::format("{:.3e}", value);
  return fmt::format("{:.{}f}", value, decimals_for(value, 4));
}

std::string format_percent(double share) {
  return std::isnan(share) ? "-" : fmt::format("{:.2f}", 100 * share);
}

std::string format_bytes(double bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.size(); bytes /= 1000) ++unit;
  return fmt::format("{:.4g} {}", bytes, units[unit]);
}

std::string format_interval(double value, double half_width) {
  if (std::isnan(value) || std::isnan(half_width)) return format_value(value);
  if (!is_handy(value)) return fmt::format("{:.3e} ± {:.1e}", value, half_width);
  const int decimals = half_width > 0 ? decimals_for(half_width, 2) : decimals_for(value, 4);
  const int most = value == 0 ? decimals : decimals_for(value, 7);
  if (decimals > most) return fmt::format("{:.{}f} ± {:.0e}", value, most, half_width);
  return fmt::format("{:.{}f} ± {:.{}f}", value, decimals, half_width, decimals);
}

std::string format_estimate(const Estimate& estimate, bool of_mean) {
  const auto& [value, lower, upper] = estimate;
  if (is_bounded(estimate)) {
    const double above = upper - value, below = value - lower;
    const double half = std::max(above, below);
    const bool uneven = half > 3 * std::min(above, below);
    const bool beyond = (value - half < 0) != (lower < 0) || (value + half > 0) != (upper > 0);
    if (uneven || beyond)
      return fmt::format("{} ({} to {})", format_value(value), format_value(lower),
                         format_value(upper));
    return format_interval(value, half);
  }
  if (std::isfinite(lower)) return "> " + format_value(lower);
  if (std::isfinite(upper)) return "< " + format_value(upper);
  return of_mean ? format_value(value) : "-";
}

bool is_bounded(const Estimate& estimate) {
  return std::isfinite(estimate.lower) && std::isfinite(estimate.upper);
}

std::string format_bounded(const Estimate& quantile) {
  return is_bounded(quantile) ? format_value(quantile.value) : format_estimate(quantile, false);
}

std::vector<std::string> labels_of(const std::vector<Axis>& axes, std::int64_t point) {
  std::vector<std::string> labels(axes.size());
  for (std::size_t a = axes.size(); a-- > 0;) {
    const auto size = static_cast<std::int64_t>(axes[a].labels.size());
    labels[a] = axes[a].labels[static_cast<std::size_t>(point % size)];
    point /= size;
  }
  return labels;
}

}  // namespace lockstep
