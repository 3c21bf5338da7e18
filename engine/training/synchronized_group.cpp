#include "engine/training/synchronized_group.hpp"

#include "engine/base/elementary.hpp"

namespace lockstep {
namespace {

constexpr std::size_t table_points = 129;
constexpr double last_distance = 10;  // -log q / sigma at the end of the table
// Quadrature over z, the slowest chip's standard normal: nodes from -10 to past 12. The others'
// shifts z - log q / sigma fall on the same nodes.
constexpr std::size_t nodes_per_point = 4, nodes = 1129;
constexpr double first_node = -10;
constexpr double width = last_distance / ((table_points - 1) * nodes_per_point);

}  // namespace

SynchronizationCost::SynchronizationCost(std::int64_t chips, double sigma,
                                         double synchronizations) {
  if (chips <= 1 || sigma == 0) return;
  points_per_log_ = (table_points - 1) / (last_distance * sigma);
  const auto n = static_cast<double>(chips);

  constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;
  std::vector<double> density, below, below_others;  // phi, Phi, Phi^(n-2)
  for (std::size_t i = 0; i < nodes + (table_points - 1) * nodes_per_point; ++i) {
    const double z = first_node + width * static_cast<double>(i);
    density.push_back(inverse_sqrt_two_pi * elementary::exp(-0.5 * z * z));
    below.push_back(elementary::normal_cdf(z));
    below_others.push_back(elementary::pow(below.back(), n - 2));
  }
  std::vector<double> excess;  // of the slowest chip's factor
  for (std::size_t i = 0; i < nodes; ++i)
    excess.push_back(elementary::expm1(sigma * (first_node + width * static_cast<double>(i)) -
                                       0.5 * sigma * sigma));

  const double of_one = elementary::expm1(sigma * sigma);  // variance
  for (std::size_t point = 0; point < table_points; ++point) {
    // Trapezoidal rule over the density of max(z, the others' largest), which is analytic and
    // vanishes at both ends.
    double first = 0, second = 0, share = 0;
    for (std::size_t i = 0; i < nodes; ++i) {
      const std::size_t other = i + point * nodes_per_point;
      const double of_slowest = width * below_others[other] * density[i] * below[other];
      const double mass =
          of_slowest + width * below_others[other] * (n - 1) * density[other] * below[i];
      share += of_slowest;
      first += mass * excess[i];
      second += mass * excess[i] * excess[i];
    }
    const double carried = of_one * (share * share + (1 - share) * (1 - share) / (n - 1));
    const double left = (second - first * first - carried) / synchronizations;
    mean_excess_.push_back(first);
    slowest_share_.push_back(share);
    residual_.push_back(
        left > 0 ? elementary::sqrt(elementary::log1p(left / ((1 + first) * (1 + first)))) : 0);
  }
  mean_excess_.back() = 0;
  slowest_share_.back() = 1;
  residual_.back() = 0;
}

double SynchronizationCost::interpolated(const std::vector<double>& table, double q) const {
  if (table.empty()) return 0;
  const double place = -elementary::log(q) * points_per_log_;
  if (!(place < table_points - 1)) return table.back();
  if (place <= 0) return table.front();
  const auto point = static_cast<std::size_t>(place);
  const double past = place - static_cast<double>(point);
  return table[point] + past * (table[point + 1] - table[point]);
}

}  // namespace lockstep
