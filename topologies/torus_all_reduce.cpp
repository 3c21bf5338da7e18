#include "topologies/torus_all_reduce.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {

TorusAllReduce::TorusAllReduce(const CollectiveRequest& request, const TorusShape& shape,
                               std::int64_t largest_published)
    : shape_(shape),
      largest_published_(largest_published),
      sides_(shape.groups()),
      stride_{sides_[1] * sides_[2], sides_[2], 1},
      ranks_(request.layout.replicas),
      groups_(request.layout.groups()) {
  const Fabric& fabric = request.fabric;
  const auto injection = [&](std::int64_t group, std::int64_t rank) {
    const auto generation =
        request.layout.generation[static_cast<std::size_t>(request.layout.at(group, rank))];
    return request.fleet.generations[generation].chip.injection_bandwidth;
  };
  double diameter = 0;
  for (std::size_t d = 0; d < 3; ++d) {
    const auto box = static_cast<double>(shape.box[d]);
    diameter += static_cast<double>(shape.chips[d] / 2);
    hop_latency_[d] = fabric.uniform() ? *fabric.hop_latency : box * fabric.link_latency;
    hop_rate_[d].resize(static_cast<std::size_t>(groups_ * ranks_));
    for (std::int64_t g = 0; g < groups_; ++g)
      for (std::int64_t r = 0; r < ranks_; ++r) {
        double& rate = hop_rate_[d][static_cast<std::size_t>(g * ranks_ + r)];
        if (fabric.uniform()) {
          rate = 1 / *fabric.hop_bandwidth;
        } else {
          constexpr double links = 6;
          const double link = fabric.link_bandwidth.value_or(
              std::min(injection(g, r), injection(g, neighbour(r, d, true))) / links);
          rate = box / link;
        }
      }
  }
  constexpr double scalar_bytes = 4;
  scalar_time_ = 2 * diameter *
                 (fabric.uniform() ? *fabric.hop_latency + scalar_bytes / *fabric.hop_bandwidth
                                   : fabric.link_latency);
  plan_phases(request.bytes);
}

void TorusAllReduce::plan_phases(double bytes) {
  std::vector<std::size_t> dimensions;  // those with a ring in them
  for (std::size_t d = 0; d < 3; ++d)
    if (sides_[d] > 1) dimensions.push_back(d);
  const std::size_t orders = dimensions.size();
  parts_ = 2 * orders;
  for (std::size_t step = 0; step < 2 * orders; ++step)
    for (std::size_t order = 0; order < orders; ++order) {
      const std::size_t depth = step < orders ? step : 2 * orders - 1 - step;
      double share = bytes / static_cast<double>(parts_);
      for (std::size_t i = 0; i <= depth; ++i)
        share /= static_cast<double>(sides_[dimensions[(order + i) % orders]]);
      const std::size_t dimension = dimensions[(order + depth) % orders];
      for (bool forward : {true, false}) {
        phases_.push_back({order * 2 + (forward ? 0 : 1), dimension, forward, share, rows_});
        rows_ += sides_[dimension] - 1;
      }
    }
}

std::int64_t TorusAllReduce::neighbour(std::int64_t rank, std::size_t dimension,
                                       bool before) const {
  const std::int64_t side = sides_[dimension], stride = stride_[dimension];
  const std::int64_t place = rank / stride % side;
  const std::int64_t other = (place + (before ? side - 1 : 1)) % side;
  return rank + (other - place) * stride;
}

/// The slowest of the cables that a hop from the rank before into `rank` crosses. A chip owns the
/// cable towards the next chip; the hop starts in the box before, at the group's place in it.
double TorusAllReduce::slowest_cable(std::span<const double> link_factor, std::size_t dimension,
                                     std::int64_t group, std::int64_t rank) const {
  const std::int64_t box = shape_.box[dimension];
  const std::array<std::int64_t, 3> group_stride{shape_.box[1] * shape_.box[2], shape_.box[2], 1};
  const std::int64_t stride = group_stride[dimension];
  const std::int64_t place = group / stride % box;
  const std::int64_t before = neighbour(rank, dimension, true);
  double slowest = 1;
  for (std::int64_t k = 0; k < box; ++k) {
    const std::int64_t at = place + k;
    const std::int64_t owner = group + (at % box - place) * stride;
    const std::int64_t owner_rank = at < box ? before : rank;
    const std::int64_t i =
        (static_cast<std::int64_t>(dimension) * groups_ + owner) * ranks_ + owner_rank;
    slowest = std::max(slowest, link_factor[static_cast<std::size_t>(i)]);
  }
  return slowest;
}

TorusAllReduce::HopRates TorusAllReduce::hop_rates(const LinkState& links) const {
  HopRates rates;
  for (std::size_t d = 0; d < 3; ++d) {
    rates[d] = {hop_rate_[d], hop_rate_[d]};
    if (sides_[d] == 1) continue;
    auto& [forward, backward] = rates[d];
    if (!links.link.empty())
      for (std::int64_t g = 0; g < groups_; ++g)
        for (std::int64_t r = 0; r < ranks_; ++r)
          forward[static_cast<std::size_t>(g * ranks_ + r)] *= slowest_cable(links.link, d, g, r);
    // The hop back into a rank crosses the cables of the hop forward into the next.
    for (std::int64_t g = 0; g < groups_; ++g)
      for (std::int64_t r = 0; r < ranks_; ++r)
        backward[static_cast<std::size_t>(g * ranks_ + r)] =
            forward[static_cast<std::size_t>(g * ranks_ + neighbour(r, d, false))];
  }
  return rates;
}

std::string TorusAllReduce::choice() const {
  return fmt::format("{}, box {}", fmt::join(shape_.chips, "x"), fmt::join(shape_.box, "x"));
}

bool TorusAllReduce::extrapolated() const {
  return shape_.volume() > largest_published_;
}

MessageGraph TorusAllReduce::graph(std::int64_t group, const LinkState& links) const {
  const HopRates rates = hop_rates(links);
  MessageGraph graph{ranks_, 0, {}};
  const auto table = [&] {
    return std::vector<std::int32_t>(static_cast<std::size_t>(ranks_), -1);
  };
  std::vector<std::vector<std::int32_t>> last_of_part(parts_, table());
  std::array<std::array<std::vector<std::int32_t>, 2>, 3> last_on_port;
  for (auto& ports : last_on_port) ports = {table(), table()};
  const auto add = [](std::vector<std::int32_t>& list, std::int32_t index) {
    if (index >= 0) list.push_back(index);
  };
  for (const Phase& phase : phases_) {
    const std::size_t direction = phase.forward ? 0 : 1;
    auto& port = last_on_port[phase.dimension][direction];
    auto& part = last_of_part[phase.part];
    for (std::int64_t k = 0; k < sides_[phase.dimension] - 1; ++k) {
      std::vector<std::int32_t> arrived = part, used = port;
      for (std::int64_t i = 0; i < ranks_; ++i) {
        const auto to = static_cast<std::size_t>(i);
        const std::int64_t from = neighbour(i, phase.dimension, phase.forward);
        Message m;
        m.source = static_cast<std::int32_t>(from);
        m.destination = static_cast<std::int32_t>(i);
        m.latency = hop_latency_[phase.dimension];
        m.bytes = phase.bytes;
        m.serialization =
            phase.bytes *
            rates[phase.dimension][direction][static_cast<std::size_t>(group * ranks_ + i)];
        m.number = (phase.first_row + k) * ranks_ + i;
        m.receiver_ready = true;
        add(m.inputs, part[static_cast<std::size_t>(from)]);
        add(m.after_send, port[to]);
        add(m.after_receive, port[to]);
        add(m.after_receive, part[to]);
        arrived[to] = used[to] = static_cast<std::int32_t>(graph.messages.size());
        graph.messages.push_back(std::move(m));
      }
      part = arrived;
      port = used;
    }
  }
  return graph;
}

const Parameter& torus_shape_parameter() {
  static const Parameter row{
      .key = "topology.shape",
      .number = 82,
      .type = ValueType::text,
      .default_text = "auto",
      .shapes_arrays = true,
      .summary =
          "sides of the torus in chips, e.g. 16x16x16; auto: the torus, of 4x4x4 cubes where "
          "it is optical, no side above twice another, that leaves the fewest chips idle",
      .source = "cubes of 4x4x4: TPU v4 (arXiv 2304.01433)"};
  return row;
}

}  // namespace lockstep
