#include "topologies/algorithms/torus/twisted/twisted_routes.hpp"

#include <algorithm>

namespace lockstep {

TwistedRoutes::TwistedRoutes(const Sides& sides) : sides_(sides) {
  // Breadth first from chip 0; every other chip sees the same.
  const auto count = static_cast<std::size_t>(chips());
  std::vector<std::int64_t> distance(count, -1), order{0};
  std::vector<double> paths(count, 0.0);
  distance[0] = 0;
  paths[0] = 1;
  const auto each_way = [&](std::int64_t from, const auto& visit) {
    for (std::size_t d = 0; d < 3; ++d)
      for (bool forward : {true, false})
        visit(static_cast<std::size_t>(next(from, d, forward)), torus_way(d, forward));
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto at = static_cast<std::size_t>(order[i]);
    each_way(order[i], [&](std::size_t to, std::size_t) {
      if (distance[to] < 0) {
        distance[to] = distance[at] + 1;
        order.push_back(static_cast<std::int64_t>(to));
      }
      if (distance[to] == distance[at] + 1) paths[to] += paths[at];
    });
  }
  // From the farthest back: what passes a chip comes in over its shortest paths.
  load_.resize(static_cast<std::size_t>(distance[static_cast<std::size_t>(order.back())]));
  std::vector<double> through(count, 1.0);
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    const auto from = static_cast<std::size_t>(*at);
    // Later chips in the order are done: what goes on over each is known.
    each_way(*at, [&](std::size_t to, std::size_t way) {
      if (distance[to] != distance[from] + 1) return;
      const double share = through[to] * paths[from] / paths[to];
      load_[static_cast<std::size_t>(distance[from])][way] += share;
      through[from] += share;
    });
  }
}

std::int64_t TwistedRoutes::next(std::int64_t chip, std::size_t dimension, bool forward) const {
  Sides at{chip / (sides_[1] * sides_[2]), chip / sides_[2] % sides_[1], chip % sides_[2]};
  const std::int64_t side = sides_[dimension], twist = std::ranges::min(sides_);
  at[dimension] += forward ? 1 : -1;
  const bool closes = at[dimension] < 0 || at[dimension] == side;
  at[dimension] = (at[dimension] + side) % side;
  if (closes && side == twist)  // half of a longer side is the same both ways
    for (std::size_t d = 0; d < 3; ++d)
      if (sides_[d] > side) at[d] = (at[d] + twist) % sides_[d];
  return (at[0] * sides_[1] + at[1]) * sides_[2] + at[2];
}

}  // namespace lockstep
