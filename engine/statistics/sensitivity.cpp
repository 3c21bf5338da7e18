#include "engine/statistics/sensitivity.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "engine/base/elementary.hpp"
#include "engine/statistics/beta.hpp"
#include "engine/statistics/mean_interval.hpp"
#include "engine/statistics/quantile.hpp"

namespace lockstep {
namespace {

using Values = std::vector<double>;

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

bool varies(const Values& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return least != values.end() && *least < *most;
}

/// Positions in ascending order of the values, equal ones in theirs.
std::vector<std::size_t> order_of(const Values& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

/// Ranks from 0, ties at their mean, less the mean rank.
Values centred_ranks(const Values& values) {
  const std::vector<std::size_t> order = order_of(values);
  Values ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = static_cast<double>(begin + end - 1) / 2;
    for (; begin < end; ++begin)
      ranks[order[begin]] = rank - static_cast<double>(values.size() - 1) / 2;
  }
  return ranks;
}

Estimate rank_correlation(const Values& x, const Values& y, double level) {
  const Values a = centred_ranks(x), b = centred_ranks(y);
  const auto product = [](const Values& u, const Values& v) {
    return std::inner_product(u.begin(), u.end(), v.begin(), 0.0);
  };
  const double r =
      std::clamp(product(a, b) / elementary::sqrt(product(a, a) * product(b, b)), -1.0, 1.0);
  const double half = elementary::normal_quantile((1 + level) / 2) *
                      elementary::sqrt((1 + r * r / 2) / (static_cast<double>(x.size()) - 3));
  // tanh(atanh(r) + h), of which neither function is needed: (1 + r) / (1 - r) times exp(2 h).
  const auto moved = [&](double h) {
    const double odds = (1 + r) * elementary::exp(2 * h);
    return (odds - (1 - r)) / (odds + (1 - r));
  };
  return {r, std::min(r, moved(-half)), std::max(r, moved(half))};
}

struct Bins {
  std::vector<std::size_t> of;  ///< bin of each trial
  Values mean;                  ///< of the centred output
};

Estimate explained(const Values& x, const Values& y, std::size_t bins, double level) {
  const auto n = static_cast<double>(x.size()), k = static_cast<double>(bins);
  const double middle = mean(y);
  Bins cut{std::vector<std::size_t>(x.size()), Values(bins)};
  Values count(bins);
  const std::vector<std::size_t> order = order_of(x);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t bin = i * bins / order.size();
    cut.of[order[i]] = bin;
    cut.mean[bin] += y[order[i]] - middle;
    ++count[bin];
  }
  double between = 0, total = 0;
  for (std::size_t b = 0; b < bins; ++b) {
    cut.mean[b] /= count[b];
    between += count[b] * cut.mean[b] * cut.mean[b];
  }
  for (double value : y) total += (value - middle) * (value - middle);
  const double share = (between - (k - 1) * (total - between) / (n - k)) / total;
  double squares = 0;  // of the influence of each trial, whose mean is 0
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double m = cut.mean[cut.of[i]], d = y[i] - middle;
    const double influence = (m * m + 2 * m * (d - m) - between / total * d * d) / (total / n);
    squares += influence * influence;
  }
  const double error = elementary::sqrt(squares / (n - k) / n + 2 * (k - 1) / ((n - k) * (n - k)));
  const double half = student_quantile((1 + level) / 2, n / k) * error;
  const auto inside = [](double v) { return std::clamp(v, 0.0, 1.0); };
  return {inside(share), inside(share - half), inside(share + half)};
}

}  // namespace

Sensitivity sensitivity(std::span<const double> input, std::span<const double> output,
                        double level) {
  constexpr std::size_t fewest = 20, fewest_ranks = 5;
  Values x, y;
  for (std::size_t t = 0; t < input.size(); ++t)
    if (!std::isnan(input[t]) && !std::isnan(output[t])) {
      x.push_back(input[t]);
      y.push_back(output[t]);
    }
  Sensitivity found{{}, nothing, {}};
  if (!varies(x) || !varies(y)) return found;
  if (x.size() >= fewest_ranks) found.rank = rank_correlation(x, y, level);
  if (x.size() < fewest) return found;
  const auto n = static_cast<double>(x.size());
  const auto bins = static_cast<std::size_t>(std::clamp(elementary::sqrt(n) / 2, 3.0, 20.0));
  found.share = explained(x, y, bins, level);
  const auto k = static_cast<double>(bins);
  // R^2 of an input without effect is beta((k - 1) / 2, (n - k) / 2).
  const double r2 = beta_quantile((k - 1) / 2, (n - k) / 2, 0.95);
  found.chance = std::max(0.0, r2 - (k - 1) * (1 - r2) / (n - k));
  return found;
}

}  // namespace lockstep
