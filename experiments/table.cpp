#include "experiments/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace lockstep {

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  const std::size_t columns = rows.front().size();
  std::vector<std::size_t> width(columns, 0);
  std::vector<bool> numeric(columns, true);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      const std::string& cell = rows[r][c];
      width[c] = std::max(width[c], cell.size());
      if (r > 0 && !cell.empty() && !std::isdigit(static_cast<unsigned char>(cell[0])) &&
          cell[0] != '-' && cell[0] != '<' && cell[0] != '>')
        numeric[c] = false;
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < columns; ++c)
      line += fmt::format(fmt::runtime(numeric[c] ? "{:>{}}  " : "{:<{}}  "), row[c], width[c]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace lockstep
