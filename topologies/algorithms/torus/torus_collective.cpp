#include "topologies/algorithms/torus/torus_collective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "engine/base/error.hpp"
#include "topologies/algorithms/torus/torus_phase.hpp"
#include "topologies/algorithms/torus/twisted/twisted_routes.hpp"
#include "topologies/wiring/torus_mapping.hpp"

namespace lockstep {
namespace {

// In 0.1 ns on one AVX-512 core: a rank of a step in closed form, a message of a line row by row.
constexpr double rank_cost = 8;
constexpr double row_by_row_cost = 4;

TorusDimensions with_rates(TorusDimensions dimensions,
                           const std::array<double, torus_dimensions>& rates) {
  for (std::size_t d = 0; d < torus_dimensions; ++d) dimensions[d].rate = rates[d];
  return dimensions;
}

}  // namespace

double torus_scalar_time(const TorusShape& shape, const Fabric& fabric) {
  constexpr double scalar_bytes = 4;
  double hops = 0;
  for (std::size_t d = 0; d < 3; ++d)
    hops += static_cast<double>(shape.ring[d] ? shape.chips[d] / 2 : shape.chips[d] - 1);
  if (shape.twisted) hops = static_cast<double>(TwistedRoutes(shape.chips).diameter());
  const auto across =
      static_cast<double>(std::bit_width(static_cast<std::uint64_t>(shape.slices - 1)));
  if (fabric.uniform())
    return 2 * (hops + across) * (*fabric.hop_latency + scalar_bytes / *fabric.hop_bandwidth);
  return 2 * (hops * fabric.link_latency + across * fabric.dcn_latency);
}

bool beyond_published(const TorusShape& shape, std::int64_t largest) {
  constexpr std::int64_t largest_sliced = 50944;
  return shape.volume() / shape.slices > largest ||
         (shape.slices > 1 && shape.volume() > largest_sliced);
}

std::string torus_choice(const TorusShape& shape) {
  const std::int64_t tensor = shape.tensor[0] * shape.tensor[1] * shape.tensor[2];
  std::string text = fmt::format("{}{}, {}", fmt::join(shape.chips, "x"),
                                 shape.twisted                                ? " twisted"
                                 : std::ranges::count(shape.ring, false) == 3 ? " mesh"
                                                                              : "",
                                 mapping_text(shape, tensor));
  if (shape.slices > 1) text = fmt::format("{} slices of {}", shape.slices, text);
  return text;
}

TorusDimensions torus_dimensions_of(const TorusGroups& groups, const TorusFabric& fabric) {
  TorusDimensions dimensions;
  for (std::size_t d = 0; d < torus_dimensions; ++d)
    dimensions[d] = {groups.grid().sides[d], fabric.latency(d, groups.span(d)),
                     fabric.slowest_rate(d, groups.span(d)), groups.ring(d)};
  return dimensions;
}

std::optional<TorusDimensions> torus_dimensions_of(const TorusShape& shape,
                                                   const GroupShape& groups,
                                                   const TorusFabric& fabric) {
  const auto product = [](const Sides& sides) { return sides[0] * sides[1] * sides[2]; };
  const Sides box = shape.box();
  const std::int64_t tensor = product(shape.tensor), copy = product(box);
  const bool data = groups.ranks == 0 && (groups.stride == 1 || groups.stride == copy);
  const bool in_tensor = groups == GroupShape{tensor, 1};
  if (!data && !in_tensor && groups != GroupShape{copy / tensor, tensor}) {
    const GroupShape asked{groups.ranks > 0 ? groups.ranks : shape.volume() / groups.stride,
                           groups.stride};
    try {
      return torus_dimensions_of(TorusGroups(shape, asked), fabric);
    } catch (const InputError&) {
      return std::nullopt;
    }
  }
  const Sides sides = data ? shape.groups() : in_tensor ? shape.tensor : shape.pipeline;
  const Sides spans = data ? box : in_tensor ? Sides{1, 1, 1} : shape.tensor;
  TorusDimensions dimensions;
  for (std::size_t d = 0; d < 3; ++d)
    dimensions[d] = {sides[d], fabric.latency(d, spans[d]), fabric.slowest_rate(d, spans[d]),
                     shape.ring[d] && sides[d] * spans[d] == shape.chips[d]};
  dimensions[slice_dimension] = {data ? shape.slices : 1, fabric.latency(slice_dimension, 1),
                                 fabric.slowest_rate(slice_dimension, 1), true};
  return dimensions;
}

TorusCollective::TorusCollective(const CollectiveRequest& request, const TorusShape& shape,
                                 std::int64_t largest_published)
    : shape_(shape),
      largest_published_(largest_published),
      groups_(shape, request.groups),
      links_(request, groups_),
      schedule_(request.operation, request.bytes,
                with_rates(torus_dimensions_of(groups_, {request.fabric, request.fleet}),
                           links_.slowest_rates())),
      buffers_(schedule_),
      scalar_time_(torus_scalar_time(shape, request.fabric)) {
  number_rows();
}

void TorusCollective::number_rows() {
  const std::vector<TorusStep>& steps = schedule_.steps();
  for (std::size_t i = 0; i < steps.size(); ++i)
    for (bool forward : {true, false}) {
      if (!schedule_.goes(steps[i], forward)) continue;
      for (std::int64_t row = 0; row < schedule_.rows_of(steps[i]); ++row)
        rows_.push_back({i, forward, row});
    }
}

std::int64_t TorusCollective::groups_per_call() const {
  for (std::size_t d = 0; d < torus_dimensions; ++d)
    if (grid().sides[d] >= TorusLongLine::least && links_.unequal(d)) return 1;
  return 8;
}

double TorusCollective::cost_per_step(const Noise& noise) const {
  const auto chips = static_cast<double>(groups_.count() * grid().ranks());
  if (!noise.hop_jitter.is_none())
    return chips * static_cast<double>(schedule_.rows()) * jittered_message_cost;
  double cost = 0;
  for (const TorusStep& step : schedule_.steps()) {
    const auto side = static_cast<double>(grid().sides[step.dimension]);
    if (schedule_.both_ways(step)) {
      cost += chips * 2 * static_cast<double>(schedule_.rows_of(step)) * row_by_row_cost;
      continue;
    }
    const double hit = std::min(1.0, noise.spike_probability * side * (side - 1));  // of a line
    const double by_chains =
        RingChains::cost(grid().sides[step.dimension], step.passes(), noise.spike_probability);
    cost += chips * step.passes() *
            (rank_cost + hit * std::min((side - 1) * row_by_row_cost, by_chains / side));
  }
  return cost;
}

MessageGraph TorusCollective::graph(std::int64_t group, const LinkState& links) const {
  using Indices = std::vector<std::vector<std::int32_t>>;  // of messages, by rank
  const TorusRates rates = links_.rates(links);
  const std::int64_t ranks = grid().ranks();
  MessageGraph graph{ranks, 0, {}};
  const Indices none(static_cast<std::size_t>(ranks));
  std::vector<Indices> last_of_part(schedule_.parts(), none);
  std::array<std::array<Indices, 2>, torus_dimensions> last_on_port;
  for (auto& ports : last_on_port) ports = {none, none};
  const auto add = [](std::vector<std::int32_t>& list, const std::vector<std::int32_t>& more) {
    list.insert(list.end(), more.begin(), more.end());
  };
  std::int64_t first_row = 0;
  for (const TorusStep& step : schedule_.steps()) {
    const std::size_t d = step.dimension;
    const Indices before = last_of_part[step.part];
    Indices after = none;
    for (bool forward : {true, false}) {
      if (!schedule_.goes(step, forward)) continue;
      Indices arrived = before;
      Indices& port = last_on_port[d][forward ? 0 : 1];
      const auto add_message =
          [&](std::int64_t row, std::int64_t into, const std::vector<std::int32_t>& inputs,
              const std::vector<std::int32_t>& held, const std::vector<std::int32_t>& used) {
            const auto to = static_cast<std::size_t>(into);
            Message m;
            m.source = static_cast<std::int32_t>(grid().neighbour(into, d, forward));
            m.destination = static_cast<std::int32_t>(into);
            m.latency = links_.hop_latency(d);
            m.bytes = schedule_.bytes_of(step, row);
            m.serialization = m.bytes * rates.hop(grid(), d, forward, group, into);
            m.number = (first_row + row) * ranks + into;
            m.receiver_ready = true;
            m.inputs = inputs;
            m.after_send = used;
            m.after_receive = used;
            add(m.after_receive, held);
            arrived[to] = port[to] = {static_cast<std::int32_t>(graph.messages.size())};
            graph.messages.push_back(std::move(m));
          };
      if (step.motion == TorusMotion::exchange && !schedule_.ring(d)) {
        // Place by place: a message follows the same one into the place before.
        const std::int64_t side = grid().sides[d];
        std::vector<std::vector<std::int32_t>> into(static_cast<std::size_t>(ranks));
        for (std::int64_t m = 1; m < side; ++m)
          for (std::int64_t i = 0; i < ranks; ++i) {
            if (grid().place(d, i) != (forward ? m : side - 1 - m)) continue;
            const auto from = static_cast<std::size_t>(grid().neighbour(i, d, forward));
            const auto to = static_cast<std::size_t>(i);
            for (std::int64_t n = 0; n < m * (side - m); ++n) {
              const std::int64_t same = message_before(n, m, side);
              into[to].push_back(static_cast<std::int32_t>(graph.messages.size()));
              add_message(
                  n, i,
                  same < 0 ? before[from] : std::vector{into[from][static_cast<std::size_t>(same)]},
                  std::vector(arrived[to]), std::vector(port[to]));
            }
          }
      } else {
        for (std::int64_t row = 0; row < schedule_.rows_of(step); ++row) {
          const Indices held = arrived, used = port;
          for (std::int64_t i = 0; i < ranks; ++i) {
            if (!schedule_.leads_into(step, forward, row, grid().place(d, i))) continue;
            const auto to = static_cast<std::size_t>(i);
            add_message(row, i, held[static_cast<std::size_t>(grid().neighbour(i, d, forward))],
                        held[to], used[to]);
          }
        }
      }
      first_row += schedule_.rows_of(step);
      for (std::size_t i = 0; i < arrived.size(); ++i) add(after[i], arrived[i]);
    }
    last_of_part[step.part] = std::move(after);
  }
  return graph;
}

}  // namespace lockstep
