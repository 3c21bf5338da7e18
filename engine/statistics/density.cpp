#include "engine/statistics/density.hpp"

#include <algorithm>
#include <cmath>

#include "engine/base/elementary.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {
namespace {

double standard_deviation(std::span<const double> values) {
  const double middle = mean(values);
  double squares = 0;
  for (double x : values) squares += (x - middle) * (x - middle);
  return elementary::sqrt(squares / static_cast<double>(values.size()));
}

double shortest_quarter(std::span<const double> sorted) {
  const std::size_t within = sorted.size() / 4;
  double shortest = sorted.back() - sorted.front();
  for (std::size_t i = 0; i + within < sorted.size(); ++i)
    shortest = std::min(shortest, sorted[i + within] - sorted[i]);
  return shortest;
}

double kernel_width(std::span<const double> sorted) {
  const double quartiles =
      (quantile_of_sorted(sorted, 0.75) - quantile_of_sorted(sorted, 0.25)) / 1.34;
  double spread = standard_deviation(sorted);
  for (double other : {quartiles, shortest_quarter(sorted) / 0.64})
    if (other > 0) spread = std::min(spread, other);
  return 0.9 * spread * elementary::pow(static_cast<double>(sorted.size()), -0.2);
}

}  // namespace

Density density_of_sorted(std::span<const double> sorted) {
  constexpr std::size_t even = 40, by_share = 120;
  constexpr std::size_t most_values = 1000;  // that stand for all
  if (sorted.empty() || !(sorted.front() < sorted.back())) return {};
  const double low = sorted.front(), high = sorted.back(), width = kernel_width(sorted);
  Density found;
  double before = low;
  for (std::size_t i = 0; i < by_share; ++i) {
    const double value = quantile_of_sorted(sorted, static_cast<double>(i) / (by_share - 1));
    // The flanks of a gap, so that straight lines between the places follow the curve.
    for (double flank : {0.5, 1.0, 1.5, 2.0, 3.0}) {
      if (2 * flank * width >= value - before) break;
      found.value.push_back(before + flank * width);
      found.value.push_back(value - flank * width);
    }
    found.value.push_back(value);
    before = value;
  }
  for (std::size_t i = 0; i < even; ++i)
    found.value.push_back(low + (high - low) * static_cast<double>(i) / even);
  std::sort(found.value.begin(), found.value.end());
  found.value.erase(std::unique(found.value.begin(), found.value.end()), found.value.end());

  std::vector<double> centres(sorted.begin(), sorted.end());
  if (centres.size() > most_values) {
    centres.clear();
    for (std::size_t i = 0; i < most_values; ++i)
      centres.push_back(quantile_of_sorted(sorted, (static_cast<double>(i) + 0.5) / most_values));
  }
  constexpr double root_two_pi = 2.5066282746310002;
  const auto bell = [&](double distance) {
    const double z = distance / width;
    return z * z > 80 ? 0 : elementary::exp(-z * z / 2);
  };
  for (double x : found.value) {
    double sum = 0;
    for (double centre : centres)
      sum += bell(x - centre) + bell(x - (2 * low - centre)) + bell(x - (2 * high - centre));
    found.density.push_back(sum / (static_cast<double>(centres.size()) * width * root_two_pi));
  }
  return found;
}

}  // namespace lockstep
