#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace lockstep {

/// Power over time as mean values of bins [W], built from what changes when: a jump at time t
/// raises the mean of its bin by the share of it that is left, and that of all later bins whole.
/// Kept as differences of neighbouring bins, so that a jump touches two of them, however long it
/// lasts; bins are exact, and so is every integral over whole bins. A bend, from which on the power
/// rises steadily, is kept as three second differences.
class PowerTrace {
 public:
  explicit PowerTrace(double resolution) : per_second_(1 / resolution) {}

  /// Makes room for jumps up to `time` [s]. Throws std::range_error beyond most_bins.
  void reach(double time);
  /// The power rises by `watts` at `time`, within reach; before 0 is at 0.
  void jump(double time, double watts) {
    const double at = std::max(0.0, time) * per_second_;
    const auto bin = static_cast<std::size_t>(at);
    const double later = watts * (at - static_cast<double>(bin));
    double* const difference = differences_.data() + bin;
    difference[0] += watts - later;
    difference[1] += later;
  }
  /// The power rises by `slope` [W/s] from `time` on, within reach and not before 0.
  void bend(double time, double slope) {
    const double at = time * per_second_;
    const auto bin = static_cast<std::size_t>(at);
    const double begun = at - static_cast<double>(bin), left = 1 - begun;
    const double per_bin = slope / per_second_;
    double* const bent = bends_.data() + bin;
    // Means rise by left^2 / 2 in the first bin, then by left + k - 1 / 2 in the k-th after it.
    bent[0] += per_bin * (0.5 * left * left);
    bent[1] += per_bin * (0.5 + left - left * left);
    bent[2] += per_bin * (0.5 * begun * begun);
  }
  /// The first `count` bins [W].
  std::vector<double> bins(std::size_t count) const;
  /// Bins that end by `time`.
  std::size_t bins_until(double time) const;

  static constexpr double most_bins = 1 << 25;

 private:
  double per_second_;
  std::vector<double> differences_;
  std::vector<double> bends_;  // differences of these
};

/// The sum of traces over the bins that all of them have.
std::vector<double> sum_of(std::span<const std::vector<double>> traces);

}  // namespace lockstep
