#include "topologies/algorithms/torus/torus_schedule.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <tuple>

#include "topologies/algorithms/torus/linear_program.hpp"

namespace lockstep {
namespace {

using Orders = std::vector<std::vector<std::size_t>>;
constexpr std::size_t most_pieces = 3;
constexpr double worth_a_piece = 1.01;  // assumption

/// A piece along its depth-th dimension, in the sequence of what links carry.
struct Visit {
  std::size_t order, piece, depth;
};

std::vector<Visit> visits_of(const Orders& orders, std::size_t pieces) {
  std::vector<Visit> visits;
  for (std::size_t depth = 0; depth < orders[0].size(); ++depth)
    for (std::size_t piece = 0; piece < pieces; ++piece)
      for (std::size_t order = 0; order < orders.size(); ++order)
        visits.push_back({order, piece, depth});
  return visits;
}

/// The rotations of `cycle`; of none, one that goes nowhere.
Orders rotations(std::vector<std::size_t> cycle) {
  Orders orders{cycle};
  for (std::size_t i = 1; i < cycle.size(); ++i) {
    std::rotate(cycle.begin(), cycle.begin() + 1, cycle.end());
    orders.push_back(cycle);
  }
  return orders;
}

}  // namespace

TorusSchedule::TorusSchedule(Operation operation, double bytes, const TorusDimensions& dimensions)
    : dimensions_(dimensions) {
  const auto rank = [&](std::size_t d) {
    const TorusDimension& dimension = dimensions_[d];
    return std::tuple{dimension.side, dimension.rate, dimension.latency, dimension.ring};
  };
  std::vector<std::size_t> cycle;
  bool rings = false;
  for (std::size_t d = 0; d < torus_dimensions; ++d) {
    if (dimensions_[d].side == 1) continue;
    rings = rings || dimensions_[d].ring;
    if (d != slice_dimension) cycle.push_back(d);
  }
  const bool sliced = dimensions_[slice_dimension].side > 1;
  if (cycle.empty() && !sliced) return;
  halves_ = rings && operation != Operation::all_to_all ? 2 : 1;
  std::ranges::stable_sort(cycle, [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  std::vector<Orders> ways{rotations(cycle)};
  if (cycle.size() > 2) {
    std::ranges::reverse(cycle);
    ways.push_back(rotations(cycle));
  }

  std::vector<Candidate> candidates;
  const auto take = [&](Shares shares) {
    build(operation, bytes, shares);
    candidates.push_back({std::move(shares), time_, time_of_steps(false)});
  };
  const auto least_carried = [&] {
    return std::ranges::min(candidates, {}, &Candidate::carried).carried;
  };
  for (const Orders& orders : ways) take(even_shares(orders));
  const double bound = bandwidth_bound(operation, bytes);
  for (std::size_t pieces = 1; pieces <= most_pieces && ways.front().size() > 1; ++pieces) {
    if (least_carried() <= worth_a_piece * bound) break;
    for (const Orders& orders : ways) take(best_shares(operation, orders, pieces));
  }
  const double enough = worth_a_piece * least_carried();
  std::size_t pieces = most_pieces;
  for (const Candidate& candidate : candidates)
    if (candidate.carried <= enough) pieces = std::min(pieces, candidate.shares.pieces);
  const Candidate* chosen = &candidates.front();
  for (const Candidate& candidate : candidates)
    if (candidate.shares.pieces <= pieces && candidate.time < chosen->time) chosen = &candidate;
  Shares shares = chosen->shares;
  if (sliced)
    for (auto& order : shares.orders) order.push_back(slice_dimension);
  build(operation, bytes, shares);
}

double TorusSchedule::bandwidth_bound(Operation operation, double bytes) const {
  double ranks = 1, through = 0;  // through: of all dimensions that share the work [B/s]
  for (std::size_t d = 0; d < torus_dimensions; ++d) {
    const TorusDimension& dimension = dimensions_[d];
    if (dimension.side == 1 || d == slice_dimension) continue;
    ranks *= static_cast<double>(dimension.side);
    through += (dimension.ring ? 2 : 1) / dimension.rate;
  }
  const double once = (ranks - 1) / ranks * bytes / through;
  if (operation == Operation::all_to_all) {
    double most = 0;
    for (std::size_t d = 0; d < slice_dimension; ++d)
      if (dimensions_[d].side > 1)
        most = std::max(most, bytes * carried(operation, {d}, 0) * dimensions_[d].rate);
    return most;
  }
  return operation == Operation::all_reduce ? 2 * once : once;
}

double TorusSchedule::carried(Operation operation, const std::vector<std::size_t>& order,
                              std::size_t depth) const {
  const TorusDimension& dimension = dimensions_[order[depth]];
  const auto side = static_cast<double>(dimension.side);
  if (operation == Operation::all_to_all)
    // Odd sides: (d^2 - 1) / 8 blocks on a ring, (d^2 - 1) / 4 on a line.
    return (side * side - static_cast<double>(dimension.side % 2)) / (dimension.ring ? 8 : 4) /
           side;
  double share = side - 1;
  if (dimension.ring) share /= 2;
  for (std::size_t i = 0; i <= depth; ++i) share /= static_cast<double>(dimensions_[order[i]].side);
  return share;
}

TorusSchedule::Shares TorusSchedule::even_shares(Orders orders) const {
  const std::size_t count = orders.size();
  return {std::move(orders), 1, std::vector<double>(count, 1 / static_cast<double>(count))};
}

/// The most that gets through in a time of 1 that lasts no latency. Variables: share of each part,
/// then the end of each visit.
TorusSchedule::Shares TorusSchedule::best_shares(Operation operation, Orders orders,
                                                 std::size_t pieces) const {
  const std::vector<Visit> visits = visits_of(orders, pieces);
  const std::size_t parts = orders.size() * pieces, variables = parts + visits.size();
  std::vector<double> takes;  // by visit, of the whole buffer [s/B]
  for (const Visit& visit : visits) {
    const std::vector<std::size_t>& order = orders[visit.order];
    takes.push_back(carried(operation, order, visit.depth) * dimensions_[order[visit.depth]].rate);
  }
  const double unit = *std::ranges::max_element(takes);

  std::vector<double> objective(variables, 0.0);
  std::fill_n(objective.begin(), parts, 1.0);
  LinearProgram program(std::move(objective));
  std::vector<std::optional<std::size_t>> of_part(parts);
  std::array<std::optional<std::size_t>, torus_dimensions> of_link;
  for (std::size_t i = 0; i < visits.size(); ++i) {
    const std::size_t part = visits[i].order * pieces + visits[i].piece;
    const std::size_t dimension = orders[visits[i].order][visits[i].depth];
    const auto ends_after = [&](std::optional<std::size_t> before) {
      std::vector<double> row(variables, 0.0);
      row[part] = takes[i] / unit;
      row[parts + i] = -1;
      if (before) row[parts + *before] = 1;
      program.add(std::move(row), 0);
    };
    if (of_part[part] || !of_link[dimension]) ends_after(of_part[part]);
    if (of_link[dimension]) ends_after(of_link[dimension]);
    of_part[part] = of_link[dimension] = i;
  }
  for (const auto& lasts : {std::vector(of_link.begin(), of_link.end()), of_part})
    for (const std::optional<std::size_t>& i : lasts) {
      if (!i) continue;
      std::vector<double> row(variables, 0.0);
      row[parts + *i] = 1;
      program.add(std::move(row), 1);
    }
  std::vector<double> share = program.solve();
  share.resize(parts);
  const double sum = std::accumulate(share.begin(), share.end(), 0.0);
  if (!(sum > 0)) return even_shares(std::move(orders));
  // What rounding leaves of a share is no part.
  for (double& part : share) part = part < 1e-9 * sum ? 0 : part / sum;
  return {std::move(orders), pieces, std::move(share)};
}

void TorusSchedule::add_step(std::size_t part, std::size_t dimension, TorusMotion motion,
                             bool forward, double bytes) {
  if (motion == TorusMotion::gather && dimensions_[dimension].ring) {
    const auto on_link = std::find_if(steps_.rbegin(), steps_.rend(), [&](const TorusStep& step) {
      return step.dimension == dimension && step.forward == forward;
    });
    if (on_link != steps_.rend() && on_link->part == part &&
        on_link->motion == TorusMotion::scatter) {
      on_link->motion = TorusMotion::turn;
      return;
    }
  }
  steps_.push_back({part, dimension, motion, forward, bytes});
}

std::int64_t TorusSchedule::rows_of(const TorusStep& step) const {
  const std::int64_t side = dimensions_[step.dimension].side;
  if (step.motion != TorusMotion::exchange) return step.passes() * (side - 1);
  return ring(step.dimension) ? side / 2 : side * side / 4;
}

bool TorusSchedule::leads_into(const TorusStep& step, bool forward, std::int64_t row,
                               std::int64_t place) const {
  if (ring(step.dimension)) return true;
  const std::int64_t side = dimensions_[step.dimension].side;
  const std::int64_t from_begin = forward ? place : dimensions_[step.dimension].side - 1 - place;
  if (step.motion == TorusMotion::exchange) return row < from_begin * (side - from_begin);
  return step.motion == TorusMotion::scatter ? from_begin >= 1 && from_begin <= row + 1
                                             : from_begin > row;
}

void TorusSchedule::build(Operation operation, double bytes, const Shares& shares) {
  steps_.clear();
  parts_ = 0;
  std::vector<std::size_t> number;  // of the first half, by part
  for (double share : shares.share) {
    number.push_back(parts_);
    if (share > 0) parts_ += halves_;
  }
  const std::vector<Visit> visits = visits_of(shares.orders, shares.pieces);
  const auto add = [&](const Visit& visit, TorusMotion motion) {
    const std::vector<std::size_t>& order = shares.orders[visit.order];
    const std::size_t part = visit.order * shares.pieces + visit.piece;
    if (shares.share[part] == 0) return;
    double message = bytes * shares.share[part] / static_cast<double>(halves_);
    for (std::size_t i = motion == TorusMotion::exchange ? visit.depth : 0; i <= visit.depth; ++i)
      message /= static_cast<double>(dimensions_[order[i]].side);
    for (std::size_t half = 0; half < halves_; ++half)
      add_step(number[part] + half, order[visit.depth], motion, half == 0, message);
  };
  if (operation != Operation::all_gather)
    for (const Visit& visit : visits)
      add(visit, operation == Operation::all_to_all ? TorusMotion::exchange : TorusMotion::scatter);
  if (operation == Operation::all_reduce || operation == Operation::all_gather)
    for (auto visit = visits.rbegin(); visit != visits.rend(); ++visit)
      add(*visit, TorusMotion::gather);
  rows_ = 0;
  for (TorusStep& step : steps_) {
    step.first_row = rows_;
    rows_ += (both_ways(step) ? 2 : 1) * rows_of(step);
  }
  time_ = time_of_steps(true);
}

double TorusSchedule::time_of_steps(bool with_latency) const {
  std::vector<double> part(parts_, 0.0);
  constexpr double never = -std::numeric_limits<double>::infinity();
  std::array<std::array<double, 2>, torus_dimensions> link;
  for (auto& ways : link) ways = {never, never};
  for (const TorusStep& step : steps_) {
    const TorusDimension& dimension = dimensions_[step.dimension];
    double bytes = static_cast<double>(rows_of(step)) * step.bytes;
    std::int64_t hops = rows_of(step);
    if (step.motion == TorusMotion::exchange) {
      if (dimension.ring) {
        bytes = 0;
        for (std::int64_t row = 0; row < rows_of(step); ++row) bytes += bytes_of(step, row);
      } else {
        hops = dimension.side - 1;
      }
    }
    const double latency = with_latency ? dimension.latency : 0;
    const double takes = static_cast<double>(hops) * latency + bytes * dimension.rate;
    double end = never;
    for (std::size_t way : {0u, 1u}) {
      if (!goes(step, way == 0)) continue;
      double& port = link[step.dimension][way];
      // What waits for the link has its first latency behind it.
      port = std::max(part[step.part], port - latency) + takes;
      end = std::max(end, port);
    }
    part[step.part] = end;
  }
  return part.empty() ? 0 : *std::ranges::max_element(part);
}

}  // namespace lockstep
