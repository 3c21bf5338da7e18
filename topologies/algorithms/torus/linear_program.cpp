#include "topologies/algorithms/torus/linear_program.hpp"

#include <algorithm>
#include <cstddef>

namespace lockstep {
namespace {

constexpr double zero = 1e-11;  // what rounding leaves of one, coefficients being about 1

/// Rows of constraints and below them the objective, negated; columns of variables, slacks and the
/// limit.
struct Tableau {
  std::vector<std::vector<double>> row;
  std::vector<std::size_t> basis;  // variable of each constraint

  void pivot(std::size_t r, std::size_t c) {
    const double by = row[r][c];
    for (double& value : row[r]) value /= by;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double factor = row[i][c];
      if (i == r || factor == 0) continue;
      for (std::size_t j = 0; j < row[i].size(); ++j) row[i][j] -= factor * row[r][j];
      row[i][c] = 0;
    }
    basis[r] = c;
  }

  /// Of the constraints that hold column `c` back, the tightest; basis.size() where none does.
  std::size_t leaving(std::size_t c) const {
    std::size_t best = basis.size();
    double least = 0;
    for (std::size_t i = 0; i < basis.size(); ++i) {
      if (row[i][c] <= zero) continue;
      const double ratio = std::max(0.0, row[i].back()) / row[i][c];
      if (best == basis.size() || ratio < least - zero ||
          (ratio <= least + zero && basis[i] < basis[best])) {
        best = i;
        least = ratio;
      }
    }
    return best;
  }
};

}  // namespace

void LinearProgram::add(std::vector<double> row, double limit) {
  rows_.push_back(std::move(row));
  limits_.push_back(limit);
}

std::vector<double> LinearProgram::solve() const {
  const std::size_t variables = objective_.size(), constraints = rows_.size();
  Tableau tableau;
  for (std::size_t i = 0; i <= constraints; ++i) {
    std::vector<double>& row =
        tableau.row.emplace_back(i < constraints ? rows_[i] : std::vector<double>(variables));
    row.resize(variables + constraints + 1);
    if (i < constraints) {
      row[variables + i] = 1;
      row.back() = limits_[i];
      tableau.basis.push_back(variables + i);
    } else {
      for (std::size_t j = 0; j < variables; ++j) row[j] = -objective_[j];
    }
  }
  // Rounding could still break Bland's promise; what has been found by then is feasible too.
  constexpr int quick_pivots = 300, most_pivots = 5000;
  for (int pivots = 0; pivots < most_pivots; ++pivots) {
    const std::vector<double>& gain = tableau.row.back();
    const auto end = gain.end() - 1;
    const auto column = pivots < quick_pivots
                            ? std::min_element(gain.begin(), end)
                            : std::find_if(gain.begin(), end, [](double g) { return g < -zero; });
    if (column == end || *column >= -zero) break;
    const auto c = static_cast<std::size_t>(column - gain.begin());
    const std::size_t r = tableau.leaving(c);
    if (r == constraints) break;
    tableau.pivot(r, c);
  }
  std::vector<double> x(variables, 0.0);
  for (std::size_t i = 0; i < constraints; ++i)
    if (tableau.basis[i] < variables) x[tableau.basis[i]] = std::max(0.0, tableau.row[i].back());
  return x;
}

}  // namespace lockstep
