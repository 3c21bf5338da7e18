#include "engine/statistics/quantile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lockstep {
namespace {

std::vector<double> present(std::span<const double> sample) {
  std::vector<double> values;
  std::copy_if(sample.begin(), sample.end(), std::back_inserter(values),
               [](double x) { return !std::isnan(x); });
  return values;
}

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

std::vector<double> quantiles(std::span<const double> sample, std::span<const double> p) {
  std::vector<double> values = present(sample);
  std::sort(values.begin(), values.end());
  std::vector<double> result;
  for (double share : p) {
    if (values.empty()) {
      result.push_back(nothing);
      continue;
    }
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    const double part = place - static_cast<double>(below);
    const double step = values[above] - values[below];
    // Not part * step where either is 0: it would make NaN of infinite values.
    result.push_back(part > 0 && step > 0 ? values[below] + part * step : values[below]);
  }
  return result;
}

double mean(std::span<const double> sample) {
  double sum = 0, lost = 0;
  std::size_t count = 0;
  for (double x : sample) {
    if (std::isnan(x)) continue;
    const double y = x - lost;
    const double total = sum + y;
    lost = std::isfinite(total) ? (total - sum) - y : 0;
    sum = total;
    ++count;
  }
  return count == 0 ? nothing : sum / static_cast<double>(count);
}

double mean_half_width(std::span<const double> sample) {
  const std::vector<double> values = present(sample);
  if (values.size() < 2) return nothing;
  const double middle = mean(values);
  double squares = 0;
  for (double x : values) squares += (x - middle) * (x - middle);
  const auto n = static_cast<double>(values.size());
  return 1.96 * std::sqrt(squares / (n - 1) / n);
}

}  // namespace lockstep
