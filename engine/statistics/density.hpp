#pragma once

#include <span>
#include <vector>

namespace lockstep {

/// A density at `value`, ascending; both empty where there is none.
struct Density {
  std::vector<double> value;
  std::vector<double> density;  ///< [1 / unit of the values]
};

/// Gaussian kernel density of finite values that are sorted, at 40 places evenly apart, 120 of
/// evenly growing share, and the flanks of gaps between these. The width is 0.9 s n^(-1/5) (B. W.
/// Silverman, "Density Estimation" (1986), eq. 3.31), s the least of the standard deviation, the
/// interquartile range over 1.34 and the shortest interval that holds a quarter of the values over
/// 0.64 (each that of a normal law), so that two narrow peaks are not blurred into one. What a
/// kernel puts beyond the least or the largest value is reflected there: the density is of values
/// that occur. Empty where all are equal. Draws: none. Cost O(n).
Density density_of_sorted(std::span<const double> sorted);

}  // namespace lockstep
