#include "topologies/algorithms/ring/rail_all_reduce.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "topologies/algorithms/noise_free_time.hpp"
#include "topologies/algorithms/ring/ring_laps.hpp"
#include "topologies/wiring/nccl/hop_use.hpp"

namespace lockstep {

RailAllReduce::RailAllReduce(const CollectiveRequest& request)
    : ranks_(request.layout.replicas),
      groups_(request.layout.groups()),
      scalar_time_(scalar_tree_time(request)),
      bytes_(request.bytes) {
  for (std::int64_t group = 0; group < groups_; ++group)
    grids_.push_back(rail_layout(request.layout, group));
  for (const RailLayout& grid : grids_) {
    messages_ = std::max(messages_, unfold_row(grid) * grid.places() + grid.places());
    inside_messages_ += static_cast<double>(grid.places() * 2 * (grid.rails - 1));
  }
  choose_protocol(request);
  std::vector<RingHopSpan> rings;
  for (std::size_t g = 0; g < grids_.size(); ++g)
    for (std::int64_t rail = 0; rail < grids_[g].rails; ++rail) {
      const auto n = static_cast<std::size_t>(grids_[g].clusters),
                 first = static_cast<std::size_t>(rail) * n;
      rings.push_back({{hops_[g].latency.data() + first, n}, {hops_[g].gap.data() + first, n}});
    }
  method_ = resolve_ring_method(request, rings);
}

double RailAllReduce::cost_per_step(const Noise& noise) const {
  double cost = noise.hop_jitter.is_none() ? static_cast<double>(16 * ranks_ * groups_)
                                           : inside_messages_ * jittered_message_cost;
  for (const RailLayout& grid : grids_)
    cost += static_cast<double>(grid.rails) * RingLaps::cost(method_, grid.clusters, noise);
  return cost;
}

std::string RailAllReduce::choice() const {
  std::vector<std::int64_t> rails, clusters;
  for (const RailLayout& grid : grids_) {
    rails.push_back(grid.rails);
    clusters.push_back(grid.clusters);
  }
  return fmt::format("{}, {}, {}, {}", protocol_, count_text(rails, "rail"),
                     count_text(clusters, "cluster"), method_.why);
}

RailHops RailAllReduce::hops(std::int64_t group, const LinkState& links) const {
  const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
  RailHops hops = hops_[static_cast<std::size_t>(group)];
  for (std::int64_t rail = 0; rail < grid.rails; ++rail) {
    std::int32_t before = chip(group, (rail + 1) * grid.clusters - 1);
    for (std::int64_t p = rail * grid.clusters; p < (rail + 1) * grid.clusters; ++p) {
      const auto at = static_cast<std::size_t>(p);
      const std::int32_t own = chip(group, p);
      hops.gap[at] *= links.hop_factor(hops.tier[at], static_cast<std::size_t>(before),
                                       static_cast<std::size_t>(own));
      hops.latency[at] += hops.gap[at];
      before = own;
    }
  }
  return hops;
}

std::vector<Flow> RailAllReduce::flows() const {
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

void RailAllReduce::choose_protocol(const CollectiveRequest& request) {
  const std::span<const NcclProtocol> open = open_protocols(request.fabric);
  const std::vector<Flow> flows = this->flows();
  const std::size_t best = fastest(open.size(), [&](std::size_t protocol) {
    take(open[protocol], request, flows);
    return noise_free_time(*begin_trial({}), groups_, ranks_);
  });
  take(open[best], request, flows);
}

void RailAllReduce::take(NcclProtocol protocol, const CollectiveRequest& request,
                         const std::vector<Flow>& flows) {
  const bool uniform = request.fabric.uniform();
  const auto rails = [](const RailLayout& grid) { return grid.rails; };
  const std::int64_t channels = rails(*std::ranges::max_element(grids_, {}, rails));
  const std::vector<NcclGroup> groups = nccl_groups(request);
  const auto widest = std::ranges::max_element(groups, {}, &NcclGroup::nodes);
  const NcclUse use = nccl_ring_use(*widest, Operation::all_reduce, protocol,
                                    nccl_ring_channels(request, widest - groups.begin(), channels),
                                    channels, bytes_);
  base_latency_ = uniform || ranks_ == 1 ? 0.0 : use.start_up;
  protocol_ = protocol_text(request.fabric, protocol);
  inside_latency_ = uniform ? *request.fabric.hop_latency : use.ports.scale_up_latency;
  PortUse inside = use.ports;  // of one ring
  inside.most *= static_cast<double>(channels);
  keep_hops(route(request, std::array{use.ports, inside}, flows));
}

void RailAllReduce::keep_hops(const std::vector<Hop>& hops) {
  hops_.clear();
  inside_rate_.clear();
  auto hop = hops.begin();
  for (const RailLayout& grid : grids_) {
    const double bytes = rail_bytes(grid);
    RailHops& kept = hops_.emplace_back();
    for (std::int64_t p = 0; p < grid.places(); ++p, ++hop) {
      kept.latency.push_back(hop->latency);
      kept.gap.push_back(bytes / hop->bandwidth);
      kept.tier.push_back(hop->tier);
    }
  }
  for (const RailLayout& grid : grids_) {
    std::vector<double>& rate = inside_rate_.emplace_back();
    for (std::int64_t c = 0; c < grid.clusters; ++c, ++hop) rate.push_back(1 / hop->bandwidth);
  }
}

MessageGraph RailAllReduce::graph(std::int64_t group, const LinkState& links) const {
  const RailLayout& grid = grids_[static_cast<std::size_t>(group)];
  const RailHops costs = hops(group, links);
  const std::int64_t places = grid.places();
  MessageGraph graph{.ranks = ranks_, .start_latency = base_latency_, .messages = {}};
  std::vector<std::int32_t> last(static_cast<std::size_t>(places), -1);  // message into each place
  const auto last_into = [&](std::int64_t place) -> std::int32_t& {
    return last[static_cast<std::size_t>(place)];
  };
  const auto inside_hop = [&](std::int64_t place, double bytes, std::int64_t number) {
    Message m;
    m.latency = inside_latency_;
    m.serialization = bytes * inside_rate_[static_cast<std::size_t>(group)]
                                          [static_cast<std::size_t>(place % grid.clusters)];
    m.bytes = bytes;
    m.number = number;
    return m;
  };
  const auto rail_hop = [&](std::int64_t place, std::int64_t number) {
    const auto at = static_cast<std::size_t>(place);
    Message m;
    m.serialization = costs.gap[at];
    m.latency = costs.latency[at] - costs.gap[at];
    m.bytes = rail_bytes(grid);
    m.number = number;
    return m;
  };
  /// One row of a ring; what a place sends is what it got last.
  const auto add_row = [&](bool first, const auto& before, const auto& message) {
    std::vector<std::int32_t> now(last.size());
    for (std::int64_t p = 0; p < places; ++p) {
      Message m = message(p);
      m.source = grid.member[static_cast<std::size_t>(before(p))];
      m.destination = grid.member[static_cast<std::size_t>(p)];
      if (last_into(before(p)) >= 0) m.inputs = {last_into(before(p))};
      if (last_into(p) >= 0) m.after_receive = {last_into(p)};
      m.receiver_ready = last_into(p) < 0;
      if (!first) m.after_send = {last_into(p)};
      now[static_cast<std::size_t>(p)] = static_cast<std::int32_t>(graph.messages.size());
      graph.messages.push_back(std::move(m));
    }
    last = now;
  };
  const auto add_inside = [&](std::int64_t first_row) {
    for (std::int64_t k = 0; k < grid.rails - 1; ++k)
      add_row(
          k == 0, [&](std::int64_t p) { return grid.before_inside(p); },
          [&](std::int64_t p) {
            return inside_hop(p, inside_bytes(grid), (first_row + k) * places + p);
          });
  };

  for (std::int64_t p = 0; p < places; ++p)
    if (const std::int32_t extra = grid.folded[static_cast<std::size_t>(p)]; extra >= 0) {
      Message m = inside_hop(p, bytes_, p);
      m.source = extra;
      m.destination = grid.member[static_cast<std::size_t>(p)];
      m.receiver_ready = true;
      last_into(p) = static_cast<std::int32_t>(graph.messages.size());
      graph.messages.push_back(std::move(m));
    }
  add_inside(inside_row(grid));
  const std::int64_t rows = 2 * (grid.clusters - 1);
  for (std::int64_t k = 0; k < rows; ++k)
    add_row(
        k == 0, [&](std::int64_t p) { return grid.before_on_rail(p); },
        [&](std::int64_t p) {
          const std::int64_t rail = p / grid.clusters;
          return rail_hop(
              p, rail_row(grid) * places + (rail * rows + k) * grid.clusters + p % grid.clusters);
        });
  add_inside(gather_row(grid));
  for (std::int64_t p = 0; p < places; ++p)
    if (const std::int32_t extra = grid.folded[static_cast<std::size_t>(p)]; extra >= 0) {
      Message m = inside_hop(p, bytes_, unfold_row(grid) * places + p);
      m.source = grid.member[static_cast<std::size_t>(p)];
      m.destination = extra;
      m.inputs = {last_into(p)};
      graph.messages.push_back(std::move(m));
    }
  return graph;
}

}  // namespace lockstep
