#include "topologies/algorithms/in_network/in_network_collective.hpp"

namespace lockstep {

/// Builds the message graph of one group, part by part, all chunks of a part after each other.
class InNetworkGraph {
 public:
  InNetworkGraph(const InNetworkCollective& collective, std::int64_t group, const LinkState& links)
      : c_(collective),
        group_(collective.groups_[static_cast<std::size_t>(group)]),
        grid_(group_.grid),
        forest_(group_.forest),
        up_hops_(collective.hops(group, links, true)),
        down_hops_(collective.hops(group, links, false)),
        number_(collective.numbering(group_)),
        sent_(places(), -1),
        received_(sent_),
        arrived_(static_cast<std::size_t>(number_.chunks), std::vector<std::int32_t>(places(), -1)),
        up_(static_cast<std::size_t>(number_.chunks),
            std::vector<std::int32_t>(forest_.parent.size(), -1)),
        down_(up_) {
    graph_.ranks = c_.ranks_;
    graph_.start_latency = c_.base_latency_;
    graph_.switches = number_.vertices - number_.places;
  }

  MessageGraph build() && {
    for (std::size_t p = 0; p < places(); ++p)
      if (grid_.folded[p] >= 0) add_fold(p);
    for (std::int64_t chunk = 0; chunk < number_.chunks; ++chunk) add_scatter(chunk);
    for (std::int64_t chunk = 0; chunk < number_.chunks; ++chunk)
      for (std::size_t v = 0; v < forest_.parent.size(); ++v)
        if (forest_.parent[v] >= 0) add_hop(chunk, v, true);
    for (std::int64_t chunk = 0; chunk < number_.chunks; ++chunk)
      for (std::size_t v = forest_.parent.size(); v-- > 0;)
        if (forest_.parent[v] >= 0) add_hop(chunk, v, false);
    for (std::int64_t chunk = 0; chunk < number_.chunks; ++chunk) add_gather(chunk);
    for (std::size_t p = 0; p < places(); ++p)
      if (grid_.folded[p] >= 0) add_unfold(p);
    return std::move(graph_);
  }

 private:
  std::size_t places() const { return static_cast<std::size_t>(grid_.places()); }
  std::size_t rails() const { return static_cast<std::size_t>(grid_.rails); }
  std::size_t clusters() const { return static_cast<std::size_t>(grid_.clusters); }

  std::int32_t add(Message message) {
    graph_.messages.push_back(std::move(message));
    return static_cast<std::int32_t>(graph_.messages.size()) - 1;
  }

  Message inside(std::size_t place, double bytes, std::int64_t number) const {
    Message m;
    m.latency = c_.inside_latency(group_);
    m.serialization = bytes * group_.inside_rate[place % clusters()];
    m.bytes = bytes;
    m.number = number;
    return m;
  }

  void add_fold(std::size_t place) {
    Message m = inside(place, c_.operation_.folded(c_.bytes_),
                       number_.folding() + static_cast<std::int64_t>(place));
    m.source = grid_.folded[place];
    m.destination = grid_.member[place];
    m.receiver_ready = true;
    received_[place] = add(std::move(m));
    folded_.resize(places(), -1);
    folded_[place] = received_[place];
  }

  void add_unfold(std::size_t place) {
    Message m = inside(place, c_.operation_.unfolded(c_.bytes_),
                       number_.unfolding() + static_cast<std::int64_t>(place));
    m.source = grid_.member[place];
    m.destination = grid_.folded[place];
    for (std::int32_t last : {received_[place], summed(number_.chunks - 1, place)})
      if (last >= 0) m.inputs.push_back(last);
    m.after_send = {sent_[place]};
    add(std::move(m));
  }

  /// The message after which a place has the sum of a chunk's piece; -1: it had it to begin with.
  std::int32_t summed(std::int64_t chunk, std::size_t place) const {
    const auto c = static_cast<std::size_t>(chunk);
    return forest_.parent[place] < 0 ? arrived_[c][place] : down_[c][place];
  }

  /// One row of an exchange inside the clusters; inputs(place) of what a place sends, or -1.
  template <class Input>
  void add_row(std::size_t row, std::int64_t number, const Input& input) {
    const std::vector<std::int32_t> sent = sent_;
    for (std::size_t p = 0; p < places(); ++p) {
      const std::size_t from = (p + places() - row * clusters()) % places();
      Message m = inside(p, c_.exchanged_bytes(group_), number + static_cast<std::int64_t>(p));
      m.source = grid_.member[from];
      m.destination = grid_.member[p];
      if (const std::int32_t i = input(from); i >= 0) m.inputs = {i};
      if (sent[from] >= 0) m.after_send = {sent[from]};
      if (received_[p] >= 0) m.after_receive = {received_[p]};
      m.receiver_ready = received_[p] < 0;
      sent_[from] = received_[p] = add(std::move(m));
    }
  }

  void add_scatter(std::int64_t chunk) {
    for (std::size_t row = 1; c_.operation_.scatters && row < rails(); ++row)
      add_row(row, number_.scatter(chunk, static_cast<std::int64_t>(row) - 1),
              [&](std::size_t from) { return folded_.empty() ? -1 : folded_[from]; });
    arrived_[static_cast<std::size_t>(chunk)] = received_;
  }

  void add_gather(std::int64_t chunk) {
    for (std::size_t row = 1; c_.operation_.gathers && row < rails(); ++row)
      add_row(row, number_.gather(chunk, static_cast<std::int64_t>(row) - 1),
              [&](std::size_t from) { return summed(chunk, from); });
  }

  std::int32_t vertex(std::size_t v) const {
    return v < places()
               ? grid_.member[v]
               : static_cast<std::int32_t>(c_.ranks_) + static_cast<std::int32_t>(v - places());
  }

  /// The hop between a vertex and its parent, up or down.
  void add_hop(std::int64_t chunk, std::size_t v, bool rises) {
    const auto c = static_cast<std::size_t>(chunk);
    const auto parent = static_cast<std::size_t>(forest_.parent[v]);
    std::vector<std::int32_t>& sent = (rises ? up_ : down_)[c];
    Message m;
    m.source = vertex(rises ? v : parent);
    m.destination = vertex(rises ? parent : v);
    const InNetworkHops& hops = rises ? up_hops_ : down_hops_;
    m.serialization = hops.gap[v];
    m.latency = hops.latency[v] - m.serialization;
    m.bytes = c_.hop_bytes(group_, c_.piece_bytes(group_), v, rises);
    m.number = (rises ? number_.up(chunk) : number_.down(chunk)) + static_cast<std::int64_t>(v);
    const std::size_t source = rises ? v : parent;
    if (!rises && forest_.parent[parent] >= 0) {
      m.inputs = {down_[c][parent]};
    } else if (source < places()) {
      if (arrived_[c][source] >= 0) m.inputs = {arrived_[c][source]};
    } else {
      for (std::size_t child = 0; child < source; ++child)
        if (forest_.parent[child] == static_cast<std::int32_t>(source))
          m.inputs.push_back(up_[c][child]);
    }
    if (chunk > 0) m.after_send = m.after_receive = {(rises ? up_ : down_)[c - 1][v]};
    sent[v] = add(std::move(m));
  }

  const InNetworkCollective& c_;
  const InNetworkGroup& group_;
  const RailLayout& grid_;
  const SwitchForest& forest_;
  InNetworkHops up_hops_, down_hops_;
  InNetworkNumbering number_;
  MessageGraph graph_;
  std::vector<std::int32_t> sent_, received_;  // (places) last message out and in over NVLink
  std::vector<std::int32_t> folded_;           // (places) of those who stand for another, or none
  std::vector<std::vector<std::int32_t>> arrived_;    // (chunks, places) last scattered message
  std::vector<std::vector<std::int32_t>> up_, down_;  // (chunks, vertices)
};

MessageGraph InNetworkCollective::graph(std::int64_t group, const LinkState& links) const {
  return InNetworkGraph(*this, group, links).build();
}

}  // namespace lockstep
