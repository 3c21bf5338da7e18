#include "topologies/algorithms/rails/rail_rings.hpp"

namespace lockstep {

/// Builds the message graph of one group, phase by phase, all chunks of a phase after each other.
class RailRingsGraph {
 public:
  RailRingsGraph(const RailRings& rings, std::int64_t group, const LinkState& links)
      : r_(rings),
        group_(static_cast<std::size_t>(group)),
        grid_(rings.grids_[group_]),
        costs_(rings.hops(group, links)),
        number_(rings.numbering(grid_)),
        inside_(static_cast<std::size_t>(grid_.places()), -1),
        across_(inside_) {
    graph_.ranks = r_.ranks_;
    graph_.start_latency = r_.base_latency_;
  }

  MessageGraph build() && {
    for (std::int64_t p = 0; p < grid_.places(); ++p)
      if (grid_.folded[index(p)] >= 0) add_fold(p);
    Row part = inside_;  // after which a place holds its part of the chunk
    std::vector<Row> parts, sums;
    for (std::int64_t c = 0; c < number_.chunks; ++c) {
      if (r_.operation_.scatters) add_inside({part}, c, number_.scatter(c, 0));
      parts.push_back(r_.operation_.scatters ? inside_ : part);
      if (r_.operation_.scatters) part = inside_;
    }
    for (std::int64_t c = 0; c < number_.chunks; ++c) {
      add_rails({parts[index(c)], across_}, c);
      sums.push_back(grid_.clusters > 1 ? across_ : parts[index(c)]);
    }
    if (r_.operation_.gathers)
      for (std::int64_t c = 0; c < number_.chunks; ++c)
        add_inside({sums[index(c)], inside_}, c, number_.gather(c, 0));
    for (std::int64_t p = 0; p < grid_.places(); ++p)
      if (grid_.folded[index(p)] >= 0) add_unfold(p, {sums.back()[index(p)], inside_[index(p)]});
    return std::move(graph_);
  }

 private:
  using Row = std::vector<std::int32_t>;  // (places) messages into them, -1: none

  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }
  static void append(std::vector<std::int32_t>& list, std::int32_t message) {
    if (message >= 0) list.push_back(message);
  }
  std::int32_t add(Message message) {
    graph_.messages.push_back(std::move(message));
    return static_cast<std::int32_t>(graph_.messages.size()) - 1;
  }

  Message inside_hop(std::int64_t place, double bytes, std::int64_t number) const {
    Message m;
    m.latency = r_.inside_latency_;
    m.serialization = bytes * r_.inside_rate_[group_][index(place % grid_.clusters)];
    m.bytes = bytes;
    m.number = number;
    return m;
  }
  Message rail_hop(std::int64_t place, std::int64_t number) const {
    Message m;
    m.serialization = costs_.gap[index(place)];
    m.latency = costs_.latency[index(place)] - m.serialization;
    m.bytes = r_.rail_bytes(grid_);
    m.number = number;
    return m;
  }

  void add_fold(std::int64_t place) {
    Message m = inside_hop(place, r_.operation_.folded(r_.bytes_), number_.folding() + place);
    m.source = grid_.folded[index(place)];
    m.destination = grid_.member[index(place)];
    m.receiver_ready = true;
    inside_[index(place)] = add(std::move(m));
  }

  void add_unfold(std::int64_t place, std::initializer_list<std::int32_t> after) {
    Message m = inside_hop(place, r_.operation_.unfolded(r_.bytes_), number_.unfolding() + place);
    m.source = grid_.member[index(place)];
    m.destination = grid_.folded[index(place)];
    for (std::int32_t message : after) append(m.inputs, message);
    add(std::move(m));
  }

  /// Rows of a ring: in the first a place sends after the messages into it of all rows `after`,
  /// then what it got last. `port` keeps the last message into each place on these links.
  template <class Before, class Hop>
  void add_ring(std::vector<Row> after, std::int64_t rows, bool sent, Row& port,
                const Before& before, const Hop& hop) {
    for (std::int64_t k = 0; k < rows; ++k) {
      Row now(port.size());
      for (std::int64_t p = 0; p < grid_.places(); ++p) {
        Message m = hop(p, k);
        m.source = grid_.member[index(before(p))];
        m.destination = grid_.member[index(p)];
        for (const Row& row : after) {
          append(m.inputs, row[index(before(p))]);
          append(m.after_receive, row[index(p)]);
        }
        m.receiver_ready = m.after_receive.empty();
        if (sent || k > 0) m.after_send = {port[index(p)]};
        now[index(p)] = add(std::move(m));
      }
      port = now;
      after = {now};
    }
  }

  void add_inside(std::vector<Row> after, std::int64_t chunk, std::int64_t first_number) {
    const bool sent = sent_inside_ || chunk > 0;
    if (grid_.rails > 1) sent_inside_ = true;
    add_ring(
        std::move(after), grid_.rails - 1, sent, inside_,
        [&](std::int64_t p) { return grid_.before_inside(p); },
        [&](std::int64_t p, std::int64_t k) {
          return inside_hop(p, r_.inside_bytes(grid_), first_number + k * grid_.places() + p);
        });
  }

  void add_rails(std::vector<Row> after, std::int64_t chunk) {
    add_ring(
        std::move(after), number_.rail_rows, chunk > 0, across_,
        [&](std::int64_t p) { return grid_.before_on_rail(p); },
        [&](std::int64_t p, std::int64_t k) {
          return rail_hop(p, number_.rail(chunk, p / grid_.clusters, k) + p % grid_.clusters);
        });
  }

  const RailRings& r_;
  std::size_t group_;
  const RailLayout& grid_;
  RailHops costs_;
  RailRingNumbering number_;
  MessageGraph graph_;
  Row inside_, across_;  // the last message into each place over NVLink and NIC
  bool sent_inside_ = false;
};

MessageGraph RailRings::graph(std::int64_t group, const LinkState& links) const {
  return RailRingsGraph(*this, group, links).build();
}

}  // namespace lockstep
