#include "topologies/wiring/torus_links.hpp"

#include <algorithm>

namespace lockstep {

double TorusRates::hop(const TorusGrid& grid, std::size_t dimension, bool forward,
                       std::int64_t group, std::int64_t rank) const {
  const std::int64_t line = grid.line(dimension, rank);
  // The hop back into a rank crosses the cables of the hop forward into the next.
  const std::int64_t into = forward ? rank : grid.neighbour(rank, dimension, false);
  for (const Line& other : unequal_of(dimension, group, group + 1))
    if (other.line == line)
      return other.rate[static_cast<std::size_t>(grid.place(dimension, into))];
  return equal[dimension][static_cast<std::size_t>(group * grid.lines(dimension) + line)];
}

std::span<const TorusRates::Line> TorusRates::unequal_of(std::size_t dimension, std::int64_t first,
                                                         std::int64_t last) const {
  const std::vector<Line>& all = unequal[dimension];
  const auto from = [&](std::int64_t group) {
    return std::lower_bound(all.begin(), all.end(), group,
                            [](const Line& line, std::int64_t g) { return line.group < g; });
  };
  return {from(first), from(last)};
}

void TorusRates::add(std::size_t dimension, std::int64_t lines, Line line) {
  const double first = line.rate[0];
  equal[dimension][static_cast<std::size_t>(line.group * lines + line.line)] = first;
  if (std::any_of(line.rate.begin(), line.rate.end(), [&](double rate) { return rate != first; }))
    unequal[dimension].push_back(std::move(line));
}

TorusLinks::TorusLinks(const CollectiveRequest& request, const TorusShape& shape)
    : grid_(shape.groups()),
      box_(shape.box),
      box_stride_{shape.box[1] * shape.box[2], shape.box[2], 1},
      groups_(request.layout.groups()) {
  const Fabric& fabric = request.fabric;
  for (std::size_t d = 0; d < 3; ++d) {
    const auto box = static_cast<double>(shape.box[d]);
    hop_latency_[d] = fabric.uniform() ? *fabric.hop_latency : box * fabric.link_latency;
    sharing_[d] = fabric.uniform() ? 1 : box;
  }
  set_healthy(request);
}

void TorusLinks::set_healthy(const CollectiveRequest& request) {
  const Fabric& fabric = request.fabric;
  constexpr double links = 6;
  std::vector<double> link_bandwidth;  // by generation [B/s]
  for (const auto& generation : request.fleet.generations)
    link_bandwidth.push_back(fabric.uniform() ? *fabric.hop_bandwidth
                                              : fabric.link_bandwidth.value_or(
                                                    generation.chip.injection_bandwidth / links));
  for (std::size_t d = 0; d < 3; ++d) {
    const std::int64_t side = grid_.sides[d], lines = grid_.lines(d);
    healthy_.equal[d].resize(static_cast<std::size_t>(groups_ * lines));
    for (std::int64_t i = 0; i < groups_ * lines; ++i) {
      const std::int64_t group = i / lines;
      const auto bandwidth = [&](std::int64_t place) {
        const std::int64_t rank = grid_.rank(d, i % lines, place);
        return link_bandwidth[request.layout.generation[static_cast<std::size_t>(
            request.layout.at(group, rank))]];
      };
      TorusRates::Line line{group, i % lines, {}};
      double before = bandwidth(side - 1);
      for (std::int64_t place = 0; place < side; ++place) {
        const double own = bandwidth(place);
        line.rate.push_back(sharing_[d] / std::min(own, before));
        before = own;
      }
      healthy_.add(d, lines, std::move(line));
    }
  }
}

std::array<double, 3> TorusLinks::slowest_rates() const {
  std::array<double, 3> slowest{};
  for (std::size_t d = 0; d < 3; ++d) {
    if (grid_.sides[d] == 1) continue;
    slowest[d] = *std::ranges::max_element(healthy_.equal[d]);
    for (const TorusRates::Line& line : healthy_.unequal[d])
      slowest[d] = std::max(slowest[d], *std::ranges::max_element(line.rate));
  }
  return slowest;
}

/// visit(group, rank into which) for the hops over a cable, numbered (groups, ranks) by its owner:
/// each group on the line of boxes has one, from its place in one box to the same in the next.
template <class Visit>
void TorusLinks::visit_hops(std::size_t dimension, std::int64_t cable, const Visit& visit) const {
  const std::int64_t box = box_[dimension], stride = box_stride_[dimension];
  const std::int64_t owner = cable / grid_.ranks(), rank = cable % grid_.ranks();
  const std::int64_t after = grid_.neighbour(rank, dimension, false);
  const std::int64_t place = owner / stride % box;
  for (std::int64_t k = 0; k < box; ++k)
    visit(owner + (k - place) * stride, k <= place ? after : rank);
}

/// `factor`: (groups, ranks) of the cables in this dimension. Replaces what `rates` holds of it.
void TorusLinks::slow_down(std::span<const double> factor, std::size_t dimension,
                           TorusRates& rates) const {
  const std::int64_t lines = grid_.lines(dimension);
  const auto side = static_cast<std::size_t>(grid_.sides[dimension]);
  std::vector<std::int64_t> slow;  // cables
  for (std::size_t i = 0; i < factor.size(); ++i)
    if (factor[i] != 1) slow.push_back(static_cast<std::int64_t>(i));

  // How much slower each hop of the lines with a slow one is.
  std::vector<std::int32_t> index(static_cast<std::size_t>(groups_ * lines), -1);
  std::vector<double> slower;
  for (std::int64_t cable : slow)
    visit_hops(dimension, cable, [&](std::int64_t group, std::int64_t rank) {
      std::int32_t& at =
          index[static_cast<std::size_t>(group * lines + grid_.line(dimension, rank))];
      if (at < 0) {
        at = static_cast<std::int32_t>(slower.size() / side);
        slower.resize(slower.size() + side, 1.0);
      }
      double& hop = slower[static_cast<std::size_t>(at) * side +
                           static_cast<std::size_t>(grid_.place(dimension, rank))];
      hop = std::max(hop, factor[static_cast<std::size_t>(cable)]);
    });

  rates.unequal[dimension].clear();
  auto unequal = healthy_.unequal[dimension].begin();
  for (std::size_t i = 0; i < index.size(); ++i) {
    const auto group = static_cast<std::int64_t>(i) / lines;
    const std::int64_t number = static_cast<std::int64_t>(i) % lines;
    const bool listed = unequal != healthy_.unequal[dimension].end() && unequal->group == group &&
                        unequal->line == number;
    if (index[i] < 0 && !listed) continue;
    TorusRates::Line line{group, number, {}};
    if (listed)
      line.rate = (unequal++)->rate;
    else
      line.rate.assign(side, healthy_.equal[dimension][i]);
    if (index[i] >= 0)
      for (std::size_t place = 0; place < side; ++place)
        line.rate[place] *= slower[static_cast<std::size_t>(index[i]) * side + place];
    rates.add(dimension, lines, std::move(line));
  }
}

TorusRates TorusLinks::rates(const LinkState& links) const {
  TorusRates rates = healthy_;
  if (links.link.empty()) return rates;
  const auto cables = static_cast<std::size_t>(groups_ * grid_.ranks());
  for (std::size_t d = 0; d < 3; ++d)
    if (grid_.sides[d] > 1) slow_down(links.link.subspan(d * cables, cables), d, rates);
  return rates;
}

}  // namespace lockstep
