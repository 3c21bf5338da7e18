#pragma once

#include <cstdint>
#include <vector>

namespace lockstep {

/// Quantiles of positive numbers within a relative error: counts in classes whose bounds grow by
/// gamma = (1 + e) / (1 - e) (Masson, Rim, Lee, "DDSketch", VLDB 12, 2019). Merging is adding, so
/// that no order matters. Values outside 1e-9 .. 1e9 count as these bounds.
class QuantileSketch {
 public:
  static constexpr double relative_error = 0.005;

  QuantileSketch();
  void add(double value);
  void add(const QuantileSketch& other);
  std::int64_t count() const { return count_; }
  /// Within relative_error of the value whose rank is floor(q (count - 1)), 0 <= q <= 1; NaN of
  /// none.
  double quantile(double q) const;

 private:
  std::vector<std::int64_t> counts_;
  std::int64_t count_ = 0;
};

}  // namespace lockstep
