#include "topologies/algorithms/rails/rail_rings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "topologies/algorithms/noise_free_time.hpp"
#include "topologies/algorithms/ring/ring_laps.hpp"
#include "topologies/wiring/chunks.hpp"
#include "topologies/wiring/nccl/hop_use.hpp"

namespace lockstep {

RailRings::RailRings(const CollectiveRequest& request)
    : ranks_(request.layout.replicas),
      groups_(request.layout.groups()),
      operation_(request.operation, ranks_),
      scalar_time_(scalar_tree_time(request)),
      bytes_(request.bytes) {
  method_.laps = operation_.laps();
  method_.fast = true;  // while choosing: without noise methods differ in cost alone
  for (std::int64_t group = 0; group < groups_; ++group)
    grids_.push_back(rail_layout(request.layout, group));
  choose(request);
  std::vector<RailHops> costs;
  for (std::int64_t group = 0; group < groups_; ++group) {
    RailHops& cost = costs.emplace_back(hops(group, {}));
    for (std::size_t p = 0; p < cost.gap.size(); ++p)
      cost.latency[p] = hops_[static_cast<std::size_t>(group)][p].latency;
  }
  std::vector<RingHopSpan> rings;
  for (std::size_t g = 0; g < grids_.size(); ++g)
    for (std::int64_t rail = 0; rail < grids_[g].rails; ++rail) {
      const auto n = static_cast<std::size_t>(grids_[g].clusters),
                 first = static_cast<std::size_t>(rail) * n;
      rings.push_back({{costs[g].latency.data() + first, n}, {costs[g].gap.data() + first, n}});
    }
  method_ = resolve_ring_method(request, rings);
}

std::int64_t RailRings::messages_per_group() const {
  std::int64_t most = 0;
  for (const RailLayout& grid : grids_) most = std::max(most, numbering(grid).messages());
  return most;
}

double RailRings::cost_per_step(const Noise& noise) const {
  double cost = 0;
  for (const RailLayout& grid : grids_) {
    const double inside = noise.hop_jitter.is_none()
                              ? 8.0
                              : static_cast<double>(grid.rails - 1) * jittered_message_cost;
    cost += static_cast<double>(chunks(grid)) *
            (operation_.laps() * inside * static_cast<double>(grid.places()) +
             static_cast<double>(grid.rails) * RingLaps::cost(method_, grid.clusters, noise));
  }
  return cost;
}

std::string RailRings::choice() const {
  std::vector<std::int64_t> rails, clusters;
  for (const RailLayout& grid : grids_) {
    rails.push_back(grid.rails);
    clusters.push_back(grid.clusters);
  }
  return fmt::format("{}, {}, {}, {}, {}", protocol_, count_text(rails, "rail"),
                     count_text(clusters, "cluster"), count_text(chunks_, "chunk"), method_.why);
}

double RailRings::inside_bytes(const RailLayout& grid) const {
  const std::int64_t count = chunks(grid);
  const double chunk = count == 1 ? bytes_ : chunk_on_link(bytes_, count);
  return operation_.inside(grid, chunk);
}

RailHops RailRings::hops(std::int64_t group, const LinkState& links) const {
  const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
  RailHops hops;
  const double bytes = rail_bytes(grid);
  for (std::int64_t p = 0; p < grid.places(); ++p) {
    const Hop& hop = hops_[static_cast<std::size_t>(group)][static_cast<std::size_t>(p)];
    const auto from = static_cast<std::size_t>(chip(group, grid.before_on_rail(p))),
               to = static_cast<std::size_t>(chip(group, p));
    hops.gap.push_back(bytes / hop.bandwidth * links.hop_factor(hop.tier, from, to));
    hops.latency.push_back(hop.latency + hops.gap.back());
  }
  return hops;
}

std::vector<Flow> RailRings::flows() const {
  std::vector<Flow> flows;
  for (std::int64_t group = 0; group < groups_; ++group) {
    const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
    for (std::int64_t p = 0; p < grid.places(); ++p)
      flows.push_back({chip(group, grid.before_on_rail(p)), chip(group, p)});
  }
  for (std::int64_t group = 0; group < groups_; ++group) {
    const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
    for (std::int64_t c = 0; c < grid.clusters; ++c)
      flows.push_back({chip(group, c), chip(group, grid.before_inside(c)), 1, 1});
  }
  return flows;
}

void RailRings::choose(const CollectiveRequest& request) {
  const std::vector<Flow> flows = this->flows();
  const std::vector<std::int64_t> open = open_chunks(request);
  double least = std::numeric_limits<double>::infinity();
  NcclProtocol best{};
  std::vector<std::int64_t> chunks;
  for (NcclProtocol protocol : open_protocols(request.fabric)) {
    take(protocol, request, flows);
    const double time = choose_chunks(open);
    if (!chunks.empty() && !(time < least)) continue;
    least = time;
    best = protocol;
    chunks = chunks_;
  }
  take(best, request, flows);
  chunks_ = chunks;
}

double RailRings::choose_chunks(std::span<const std::int64_t> open) {
  const auto groups = static_cast<std::size_t>(groups_);
  const std::vector<double> ready(groups * static_cast<std::size_t>(ranks_), 0.0);
  std::vector<double> finish(ready.size());
  std::vector<double> least(groups, std::numeric_limits<double>::infinity());
  std::vector<std::int64_t> best(groups, open.front());
  const std::vector<std::size_t> like = groups_alike();
  for (std::int64_t count : open) {
    std::vector<std::int64_t> timed;  // groups
    for (std::int64_t group = 0; group < groups_; ++group) {
      const auto g = static_cast<std::size_t>(group);
      if (like[g] == g && !(least_time(group, count) >= least[g])) timed.push_back(group);
    }
    if (timed.empty()) continue;
    chunks_.assign(groups, count);
    const auto trial = begin_trial({});
    for (std::int64_t group : timed) {
      trial->run(MessageNoise{}, group, group + 1, ready.data(), finish.data(), 1);
      const double time =
          *std::max_element(finish.begin() + group * ranks_, finish.begin() + (group + 1) * ranks_);
      if (!(time < least[static_cast<std::size_t>(group)])) continue;
      least[static_cast<std::size_t>(group)] = time;
      best[static_cast<std::size_t>(group)] = count;
    }
  }
  for (std::size_t g = 0; g < groups; ++g) best[g] = best[like[g]];
  chunks_ = best;
  double latest = 0;
  for (std::size_t g : like) latest = std::max(latest, least[g]);
  return latest;
}

std::vector<std::size_t> RailRings::groups_alike() const {
  const auto alike = [&](std::size_t a, std::size_t b) {
    const RailLayout &one = grids_[a], &other = grids_[b];
    return one.rails == other.rails && one.clusters == other.clusters &&
           one.splits == other.splits && one.folded == other.folded && hops_[a] == hops_[b] &&
           inside_rate_[a] == inside_rate_[b];
  };
  std::vector<std::size_t> like, firsts;
  for (std::size_t g = 0; g < grids_.size(); ++g) {
    const auto first =
        std::ranges::find_if(firsts, [&](std::size_t other) { return alike(g, other); });
    like.push_back(first == firsts.end() ? g : *first);
    if (first == firsts.end()) firsts.push_back(g);
  }
  return like;
}

double RailRings::least_time(std::int64_t group, std::int64_t chunks) const {
  const auto g = static_cast<std::size_t>(group);
  if (grids_[g].splits) return chunks > 1 ? std::numeric_limits<double>::infinity() : 0;
  const double latency = std::ranges::min(hops_[g], {}, &Hop::latency).latency;
  // Of a chunk's rows on rails, one after the other.
  return static_cast<double>(chunks * operation_.laps() * (grids_[g].clusters - 1)) * latency;
}

void RailRings::take(NcclProtocol protocol, const CollectiveRequest& request,
                     const std::vector<Flow>& flows) {
  const bool uniform = request.fabric.uniform();
  const auto rails = [](const RailLayout& grid) { return grid.rails; };
  const std::int64_t channels = rails(*std::ranges::max_element(grids_, {}, rails));
  const std::vector<NcclGroup> groups = nccl_groups(request);
  const auto widest = std::ranges::max_element(groups, {}, &NcclGroup::nodes);
  const NcclUse use = nccl_ring_use(*widest, request.operation, protocol,
                                    nccl_ring_channels(request, widest - groups.begin(), channels),
                                    channels, bytes_);
  base_latency_ = uniform || ranks_ == 1 ? 0.0 : use.start_up;
  protocol_ = protocol_text(request.fabric, protocol);
  inside_latency_ = uniform ? *request.fabric.hop_latency : use.ports.scale_up_latency;
  PortUse inside = use.ports;  // of one ring
  inside.most *= static_cast<double>(channels);
  keep_hops(route(request, std::array{use.ports, inside}, flows));
}

void RailRings::keep_hops(const std::vector<Hop>& hops) {
  hops_.clear();
  inside_rate_.clear();
  auto hop = hops.begin();
  for (const RailLayout& grid : grids_) {
    hops_.emplace_back(hop, hop + grid.places());
    hop += grid.places();
  }
  for (const RailLayout& grid : grids_) {
    std::vector<double>& rate = inside_rate_.emplace_back();
    for (std::int64_t c = 0; c < grid.clusters; ++c, ++hop) rate.push_back(1 / hop->bandwidth);
  }
}

}  // namespace lockstep
