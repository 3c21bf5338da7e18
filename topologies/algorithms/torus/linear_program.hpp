#pragma once

#include <vector>

namespace lockstep {

/// Maximizes objective . x under rows x <= limits, x >= 0, by the simplex method on a dense
/// tableau. Limits are >= 0, so that x = 0 is where it begins. The column that gains most enters,
/// of equal ones the first; after 300 pivots Bland's rule (the first that gains, of equal rows the
/// first variable) keeps it from going round in circles. The same bits everywhere. Of a bounded
/// problem. Source: Bland, "New finite pivoting rules
/// for the simplex method" (Mathematics of Operations Research 2, 1977). Cost: (rows x columns) a
/// pivot; tens of rows take tens to hundreds of pivots.
class LinearProgram {
 public:
  explicit LinearProgram(std::vector<double> objective) : objective_(std::move(objective)) {}

  /// row (variables) . x <= limit.
  void add(std::vector<double> row, double limit);
  /// The best x (variables).
  std::vector<double> solve() const;

 private:
  std::vector<double> objective_;
  std::vector<std::vector<double>> rows_;
  std::vector<double> limits_;
};

}  // namespace lockstep
