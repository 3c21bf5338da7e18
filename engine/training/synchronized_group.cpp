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
    table_.push_back(
        {first, share,
         left > 0 ? elementary::sqrt(elementary::log1p(left / ((1 + first) * (1 + first)))) : 0});
  }
  table_.back() = {};
}

SynchronizationCost::Place SynchronizationCost::place(double q) const {
  const double place = -elementary::log(q) * points_per_log_;
  if (!(place < table_points - 1)) return {table_points - 1, 0};
  if (place <= 0) return {};
  const auto point = static_cast<std::size_t>(place);
  return {point, place - static_cast<double>(point)};
}

SynchronizationCost::Value SynchronizationCost::at(double q) const {
  if (table_.empty()) return {};
  const auto [point, past] = place(q);
  const Value& here = table_[point];
  if (past == 0) return here;
  const Value& next = table_[point + 1];
  return {here.excess + past * (next.excess - here.excess),
          here.share + past * (next.share - here.share),
          here.residual + past * (next.residual - here.residual)};
}

}  // namespace lockstep
