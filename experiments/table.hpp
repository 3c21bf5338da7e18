#pragma once

#include <string>
#include <vector>

namespace lockstep {

/// Rows of cells as text, columns two spaces apart; the first row is the head. Columns whose every
/// cell below the head begins like a number are set right.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace lockstep
