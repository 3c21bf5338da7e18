#include "engine/power/smoothing/storage.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {
namespace {

/// Trailing averages over `bins`, the trace's end standing for what was before its begin.
std::vector<double> trailing_averages(std::span<const double> trace, std::size_t bins) {
  const std::size_t count = trace.size();
  bins = std::min(bins, count);
  double mean = 0;
  for (const double watts : trace) mean += watts;
  mean /= static_cast<double>(count);
  std::vector<double> above{0};  // the mean, summed up: small where the trace is periodic
  for (const double watts : trace) above.push_back(above.back() + (watts - mean));
  std::vector<double> averages;
  for (std::size_t end = 1; end <= count; ++end) {
    const double sum = end >= bins ? above[end] - above[end - bins]
                                   : above[end] + above[count] - above[count + end - bins];
    averages.push_back(mean + sum / static_cast<double>(bins));
  }
  return averages;
}

/// What the storage takes (gives, below 0) where its energy has no end.
double wish(double load, double target, const Storage& storage) {
  return std::clamp(target - load, -storage.discharge, storage.charge);
}

/// By which its energy changes in a second.
double stored(double taken, const Storage& storage) {
  return taken > 0 ? taken : taken / storage.efficiency;
}

/// What has to be added to the averages so that nothing is lost over the trace [W].
double losses(std::span<const double> trace, std::span<const double> averages,
              const Storage& storage) {
  if (storage.efficiency == 1) return 0;
  constexpr int halvings = 50;
  const auto [least, most] = std::minmax_element(trace.begin(), trace.end());
  double low = 0, high = *most - *least;
  for (int i = 0; i < halvings; ++i) {
    const double middle = 0.5 * (low + high);
    double change = 0;
    for (std::size_t b = 0; b < trace.size(); ++b)
      change += stored(wish(trace[b], averages[b] + middle, storage), storage);
    (change < 0 ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

std::vector<double> smoothed(std::span<const double> trace, double resolution,
                             const Storage& storage) {
  const auto window = static_cast<std::size_t>(std::max(1.0, storage.window / resolution + 0.5));
  std::vector<double> target = trailing_averages(trace, window);
  const double extra = losses(trace, target, storage);
  for (double& watts : target) watts += extra;
  double lowest = 0, charge = 0;
  for (std::size_t b = 0; b < trace.size(); ++b) {
    charge += resolution * stored(wish(trace[b], target[b], storage), storage);
    lowest = std::min(lowest, charge);
  }
  charge = std::min(storage.energy, -lowest);
  std::vector<double> grid;
  for (std::size_t b = 0; b < trace.size(); ++b) {
    const double room = (storage.energy - charge) / resolution,
                 left = charge / resolution * storage.efficiency;
    const double taken = std::clamp(wish(trace[b], target[b], storage), -left, room);
    charge = std::clamp(charge + resolution * stored(taken, storage), 0.0, storage.energy);
    grid.push_back(trace[b] + taken);
  }
  return grid;
}

}  // namespace lockstep
