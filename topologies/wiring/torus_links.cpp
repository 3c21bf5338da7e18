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

TorusFabric::TorusFabric(const Fabric& fabric, const Fleet& fleet) : uniform_(fabric.uniform()) {
  constexpr double ways_of_a_nic = 2;
  latency_.fill(uniform_ ? *fabric.hop_latency : fabric.link_latency);
  if (!uniform_) latency_[slice_dimension] = fabric.dcn_latency;
  for (const auto& generation : fleet.generations) {
    const Chip& chip = generation.chip;
    for (std::size_t d = 0; d < torus_dimensions; ++d)
      bandwidth_[d].push_back(uniform_ ? *fabric.hop_bandwidth : fabric.link_rate(chip));
    if (!uniform_) bandwidth_[slice_dimension].back() = fabric.dcn_rate(chip) / ways_of_a_nic;
  }
}

TorusFabric TorusFabric::equal() {
  TorusFabric fabric;
  fabric.bandwidth_.fill({1.0});
  return fabric;
}

double TorusFabric::latency(std::size_t dimension, std::int64_t span) const {
  return (uniform_ ? 1 : static_cast<double>(span)) * latency_[dimension];
}

double TorusFabric::rate(std::size_t dimension, std::int64_t span, std::size_t generation,
                         std::size_t other) const {
  const std::vector<double>& bandwidth = bandwidth_[dimension];
  return (uniform_ ? 1 : static_cast<double>(span)) /
         std::min(bandwidth[generation], bandwidth[other]);
}

double TorusFabric::slowest_rate(std::size_t dimension, std::int64_t span) const {
  const std::vector<double>& bandwidth = bandwidth_[dimension];
  const auto slowest =
      static_cast<std::size_t>(std::ranges::min_element(bandwidth) - bandwidth.begin());
  return rate(dimension, span, slowest, slowest);
}

TorusLinks::TorusLinks(const CollectiveRequest& request, const TorusGroups& groups)
    : groups_(groups) {
  const TorusFabric fabric(request.fabric, request.fleet);
  for (std::size_t d = 0; d < torus_dimensions; ++d)
    hop_latency_[d] = fabric.latency(d, groups_.span(d));
  set_healthy(request, fabric);
}

void TorusLinks::set_healthy(const CollectiveRequest& request, const TorusFabric& fabric) {
  const TorusGrid& grid = groups_.grid();
  for (std::size_t d = 0; d < torus_dimensions; ++d) {
    const std::int64_t side = grid.sides[d], lines = grid.lines(d), count = groups_.count();
    healthy_.equal[d].resize(static_cast<std::size_t>(count * lines));
    for (std::int64_t i = 0; i < count * lines; ++i) {
      const std::int64_t group = i / lines;
      const auto generation = [&](std::int64_t place) {
        const std::int64_t rank = grid.rank(d, i % lines, place);
        return request.layout.generation[static_cast<std::size_t>(request.layout.at(group, rank))];
      };
      TorusRates::Line line{group, i % lines, {}};
      std::size_t before = generation(side - 1);
      for (std::int64_t place = 0; place < side; ++place) {
        const std::size_t own = generation(place);
        line.rate.push_back(fabric.rate(d, groups_.span(d), own, before));
        before = own;
      }
      // No hop leads into the beginning of a line.
      if (!groups_.ring(d) && side > 1) line.rate[0] = line.rate[1];
      healthy_.add(d, lines, std::move(line));
    }
  }
}

std::array<double, torus_dimensions> TorusLinks::slowest_rates() const {
  std::array<double, torus_dimensions> slowest{};
  for (std::size_t d = 0; d < torus_dimensions; ++d) {
    if (groups_.grid().sides[d] == 1) continue;
    slowest[d] = *std::ranges::max_element(healthy_.equal[d]);
    for (const TorusRates::Line& line : healthy_.unequal[d])
      slowest[d] = std::max(slowest[d], *std::ranges::max_element(line.rate));
  }
  return slowest;
}

/// visit(group, rank into which) for the hops forward over a cable, numbered (groups, ranks) by its
/// owner: those that begin there or less than a span before.
template <class Visit>
void TorusLinks::visit_hops(std::size_t dimension, std::int64_t cable, const Visit& visit) const {
  const TorusGrid& grid = groups_.grid();
  const std::int64_t side = groups_.side(dimension);
  const TorusGroups::Place owner = groups_.place(cable / grid.ranks(), cable % grid.ranks());
  for (std::int64_t k = 0; k < groups_.span(dimension); ++k) {
    TorusGroups::Place from = owner;
    from[dimension] -= k;
    if (from[dimension] < 0) {
      if (!groups_.side_is_ring(dimension)) return;
      from[dimension] += side;
    }
    const auto [group, rank] = groups_.at(from);
    if (!groups_.ring(dimension) && grid.place(dimension, rank) == grid.sides[dimension] - 1)
      continue;
    visit(group, grid.neighbour(rank, dimension, false));
  }
}

/// `factor`: (groups, ranks) of the cables in this dimension.
std::vector<std::int64_t> TorusLinks::slow_cables(std::span<const double> factor,
                                                  std::size_t dimension) const {
  const std::int64_t ranks = groups_.grid().ranks();
  std::vector<std::int64_t> slow;
  for (std::size_t i = 0; i < factor.size(); ++i) {
    if (factor[i] == 1) continue;
    const auto cable = static_cast<std::int64_t>(i);
    const TorusGroups::Place owner = groups_.place(cable / ranks, cable % ranks);
    if (!groups_.repatched(dimension, owner[dimension])) slow.push_back(cable);
  }
  return slow;
}

std::vector<std::int64_t> TorusLinks::slowed_groups(std::span<const double> link) const {
  const auto cables = static_cast<std::size_t>(groups_.count() * groups_.grid().ranks());
  std::vector<bool> slowed(static_cast<std::size_t>(groups_.count()));
  for (std::size_t d = 0; d * cables < link.size(); ++d) {
    if (groups_.grid().sides[d] == 1) continue;
    for (std::int64_t cable : slow_cables(link.subspan(d * cables, cables), d))
      visit_hops(d, cable, [&](std::int64_t group, std::int64_t) {
        slowed[static_cast<std::size_t>(group)] = true;
      });
  }
  std::vector<std::int64_t> groups;
  for (std::size_t g = 0; g < slowed.size(); ++g)
    if (slowed[g]) groups.push_back(static_cast<std::int64_t>(g));
  return groups;
}

/// `factor`: (groups, ranks) of the cables in this dimension. Replaces what `rates` holds of it.
void TorusLinks::slow_down(std::span<const double> factor, std::size_t dimension,
                           TorusRates& rates) const {
  const TorusGrid& grid = groups_.grid();
  const std::int64_t lines = grid.lines(dimension);
  const auto side = static_cast<std::size_t>(grid.sides[dimension]);

  // How much slower each hop of the lines with a slow one is.
  std::vector<std::int32_t> index(static_cast<std::size_t>(groups_.count() * lines), -1);
  std::vector<double> slower;
  for (std::int64_t cable : slow_cables(factor, dimension))
    visit_hops(dimension, cable, [&](std::int64_t group, std::int64_t rank) {
      std::int32_t& at =
          index[static_cast<std::size_t>(group * lines + grid.line(dimension, rank))];
      if (at < 0) {
        at = static_cast<std::int32_t>(slower.size() / side);
        slower.resize(slower.size() + side, 1.0);
      }
      double& hop = slower[static_cast<std::size_t>(at) * side +
                           static_cast<std::size_t>(grid.place(dimension, rank))];
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
    if (!groups_.ring(dimension)) line.rate[0] = line.rate[1];
    rates.add(dimension, lines, std::move(line));
  }
}

TorusRates TorusLinks::rates(const LinkState& links) const {
  TorusRates rates = healthy_;
  if (links.link.empty()) return rates;
  const auto cables = static_cast<std::size_t>(groups_.count() * groups_.grid().ranks());
  for (std::size_t d = 0; d < static_cast<std::size_t>(links_per_chip()); ++d)
    if (groups_.grid().sides[d] > 1) slow_down(links.link.subspan(d * cables, cables), d, rates);
  return rates;
}

}  // namespace lockstep
