// What every topology's message graph owes the model, from the fields of its messages alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "tests/invariants/topology_rows.hpp"

namespace lockstep::test {
namespace {

/// When a message leaves its source and when it has arrived, by the contract of
/// engine/network/message_graph.hpp, written down a second time [s].
struct Times {
  std::vector<double> start, arrival, finish;
};

Times simulate(const MessageGraph& graph, const std::vector<double>& ready) {
  Times t;
  const auto begin = [&](std::int32_t vertex) {
    return vertex < graph.ranks ? ready[static_cast<std::size_t>(vertex)] + graph.start_latency
                                : -std::numeric_limits<double>::infinity();
  };
  for (std::int32_t v = 0; v < graph.vertices(); ++v) t.finish.push_back(begin(v));
  for (const Message& m : graph.messages) {
    double start = begin(m.source);
    for (auto i : m.inputs) start = std::max(start, t.arrival.at(static_cast<std::size_t>(i)));
    for (auto i : m.after_send) {
      const auto at = static_cast<std::size_t>(i);
      start = std::max(start, t.start.at(at) + graph.messages[at].serialization);
    }
    double last_begin = start + m.latency;  // when its first byte can come in
    for (auto i : m.after_receive)
      last_begin = std::max(last_begin, t.arrival.at(static_cast<std::size_t>(i)));
    if (m.receiver_ready) last_begin = std::max(last_begin, begin(m.destination));
    t.start.push_back(start);
    t.arrival.push_back(last_begin + m.serialization);
    double& finish = t.finish[static_cast<std::size_t>(m.destination)];
    finish = std::max(finish, t.arrival.back());
  }
  t.finish.resize(ready.size());
  return t;
}

/// Use of one port over time as a fluid: each message takes bytes / serialization from begin to
/// end. If the sum never exceeds the capacity, no window carries more than capacity x its length.
class PortUse {
 public:
  void add(double begin, double end, double rate, double capacity) {
    // Ends that touch in exact arithmetic may overlap by a rounding error.
    const double slack = 1e-7 * (end - begin);
    change_.emplace_back(begin + slack, rate);
    change_.emplace_back(end - slack, -rate);
    capacity_ = capacity;
  }
  /// Highest use over capacity.
  double peak() {
    std::sort(change_.begin(), change_.end());
    double now = 0, most = 0;
    for (const auto& [time, rate] : change_) most = std::max(most, now += rate);
    return most / capacity_;
  }

 private:
  std::vector<std::pair<double, double>> change_;
  double capacity_ = 0;
};

/// Highest use of any port of any group over its capacity; `speed_up` shortens all serializations
/// without the graph knowing.
double busiest_port(const TopologyCase& c, const TopologyRow& row, std::span<const double> links,
                    double speed_up = 1) {
  double most = 0;
  for (std::int64_t group = 0; group < c.groups(); ++group) {
    MessageGraph graph = c.collective->graph(group, {links});
    for (Message& m : graph.messages) m.serialization /= speed_up;
    const std::vector<double> ready(static_cast<std::size_t>(c.ranks()), 0.0);
    const Times times = simulate(graph, ready);
    std::map<std::int64_t, PortUse> ports;
    for (std::size_t i = 0; i < graph.messages.size(); ++i) {
      const Message& m = graph.messages[i];
      const auto [out, in] = row.ports_of(c, group, m);
      const double rate = m.bytes / m.serialization;
      ports[out.key].add(times.start[i], times.start[i] + m.serialization, rate, out.capacity);
      ports[in.key].add(times.arrival[i] - m.serialization, times.arrival[i], rate, in.capacity);
    }
    for (auto& [key, port] : ports) most = std::max(most, port.peak());
  }
  return most;
}

struct Scene {
  Settings settings;
  std::int64_t tensor, pipeline;
};

std::vector<Scene> scenes() {
  const Settings uniform{{"fabric.hop_latency", "3us"}, {"fabric.hop_bandwidth", "10GB/s"}};
  const auto with = [](Settings s, const Settings& more) {
    s.insert(s.end(), more.begin(), more.end());
    return s;
  };
  std::vector<Scene> all;
  for (const char* chips :
       {"H100:1", "H100:2", "H100:3", "H100:8", "H100:13", "H100:24", "H100:27"}) {
    all.push_back({with(uniform, {{"fleet.chips", chips}}), 1, 1});
    all.push_back({with({{"fabric.protocol", "Simple"}}, {{"fleet.chips", chips}}), 1, 1});
  }
  for (const char* protocol : {"LL", "LL128", "Simple"}) {
    const Settings fabric{{"fabric.protocol", protocol}, {"fabric.leaf_chips", "8"}};
    all.push_back({with(fabric, {{"fleet.chips", "H100:96"}}), 4, 1});
    all.push_back({with(fabric, {{"fleet.chips", "GB200:576"}}), 8, 8});
    all.push_back(
        {with(fabric, {{"fleet.chips", "H100:96, GB200:288"}, {"fleet.placement", "interleaved"}}),
         4, 8});
    all.push_back(
        {with(fabric, {{"fleet.chips", "H100:52, GB200:152"}, {"fleet.placement", "random"}}), 4,
         1});
  }
  return all;
}

/// Calls check(case, row) for every kind, scene and variant (the defaults too); returns the count.
template <class Check>
void for_all(const Check& check) {
  for (const TopologyKind* kind : topology_kinds()) {
    const TopologyRow* row = find_topology_row(*kind);
    if (!row) continue;
    std::int64_t count = 0;
    for (const Scene& scene : scenes())
      for (std::size_t v = 0; v <= row->variants.size(); ++v) {
        Settings settings = scene.settings;
        if (v > 0)
          for (const auto& setting : row->variants[v - 1].settings) settings.push_back(setting);
        const TopologyCase c(*kind, settings, scene.tensor, scene.pipeline, 2e5, row->settings);
        count += c.ranks() > 1;
        check(c, *row);
      }
    EXPECT_GT(count, 20) << kind->name;
  }
}

TEST(MessageGraphOfEveryKind, SendsTheBandwidthOptimalNumberOfBytes) {
  for_all([](const TopologyCase& c, const TopologyRow& row) {
    for (std::int64_t group = 0; group < c.groups(); ++group) {
      const MessageGraph graph = c.collective->graph(group, {});
      std::vector<double> sent(static_cast<std::size_t>(graph.vertices()), 0.0);
      double total = 0;
      for (const Message& m : graph.messages) {
        sent[static_cast<std::size_t>(m.source)] += m.bytes;
        total += m.bytes;
      }
      // Each rank but one passes a buffer on and gets one back, each switch its rail's part.
      const double switches = static_cast<double>(graph.switches) /
                              static_cast<double>(smallest_cluster(c.layout, group));
      double buffers = 2 * (static_cast<double>(c.ranks()) - 1 + switches);
      if (takes_nvls(c, group)) {  // m + 1 in each domain of m, not 2 (m - 1)
        const auto m = static_cast<double>(smallest_cluster(c.layout, group));
        buffers -= static_cast<double>(c.ranks()) / m * (m - 3);
      }
      EXPECT_NEAR(total, buffers * c.bytes, 1e-9 * buffers * c.bytes) << c.name;
      if (const auto share = row.rank_sends(c)) {
        for (std::int64_t rank = 0; rank < c.ranks(); ++rank)
          EXPECT_NEAR(sent[static_cast<std::size_t>(rank)], *share * c.bytes, 1e-9 * c.bytes)
              << c.name;
      }
    }
  });
}

TEST(MessageGraphOfEveryKind, NumbersMessagesAndDependsOnEarlierOnes) {
  for_all([](const TopologyCase& c, const TopologyRow&) {
    for (std::int64_t group = 0; group < c.groups(); ++group) {
      const MessageGraph graph = c.collective->graph(group, {});
      EXPECT_EQ(graph.ranks, c.ranks());
      std::set<std::int64_t> numbers;
      bool in_range = true, ordered = true, sound = true;
      for (std::size_t i = 0; i < graph.messages.size(); ++i) {
        const Message& m = graph.messages[i];
        numbers.insert(m.number);
        in_range &= m.number >= 0 && m.number < c.collective->messages_per_group();
        for (const auto* list : {&m.inputs, &m.after_send, &m.after_receive})
          for (std::int32_t on : *list) ordered &= on >= 0 && static_cast<std::size_t>(on) < i;
        for (std::int32_t on : m.inputs)  // what it forwards came to its own source
          sound &= graph.messages[static_cast<std::size_t>(on)].destination == m.source;
        for (std::int32_t on : m.after_send)
          sound &= graph.messages[static_cast<std::size_t>(on)].source == m.source;
        for (std::int32_t on : m.after_receive)
          sound &= graph.messages[static_cast<std::size_t>(on)].destination == m.destination;
        sound &= m.source != m.destination && m.source >= 0 && m.source < graph.vertices() &&
                 m.destination >= 0 && m.destination < graph.vertices() && m.latency >= 0 &&
                 m.serialization > 0;
        sound &= m.source < c.ranks() || !m.inputs.empty();  // a switch has nothing of its own
      }
      EXPECT_EQ(numbers.size(), graph.messages.size()) << c.name;
      EXPECT_TRUE(in_range && ordered && sound) << c.name << ": " << in_range << ordered << sound;
    }
  });
}

TEST(MessageGraphOfEveryKind, NobodyFinishesBeforeTheLastIsReady) {
  for_all([](const TopologyCase& c, const TopologyRow&) {
    const std::int64_t group = c.groups() - 1;
    const MessageGraph graph = c.collective->graph(group, {});
    for (std::int64_t late = 0; late < c.ranks(); ++late) {
      std::vector<double> ready(static_cast<std::size_t>(c.ranks()), 0.0);
      ready[static_cast<std::size_t>(late)] = 10;
      const auto times = simulate(graph, ready);
      EXPECT_GE(*std::min_element(times.finish.begin(), times.finish.end()), 10.0) << c.name;
      const auto finish = graph.evaluate(ready, [](std::int64_t) { return 0.0; });
      for (std::size_t r = 0; r < finish.size(); ++r)
        ASSERT_NEAR(finish[r], times.finish[r], 1e-12 * finish[r]) << c.name;
    }
  });
}

TEST(MessageGraphOfEveryKind, NoPortExceedsItsRate) {
  std::map<std::string_view, double> most;
  for_all([&](const TopologyCase& c, const TopologyRow& row) {
    for (double slow : {0.0, 0.3}) {
      const auto links = slow > 0 ? c.unequal_links(slow, 21) : std::vector<double>{};
      const double peak = busiest_port(c, row, links);
      EXPECT_LE(peak, 1 + 1e-9) << c.name << ", slow links " << slow;
      most[c.kind.name] = std::max(most[c.kind.name], peak);
      if (c.ranks() > 3 && c.fabric.uniform() && slow == 0) {  // the check can fail
        EXPECT_GT(busiest_port(c, row, links, 1.01), 1 + 1e-9) << c.name;
      }
    }
  });
  for (const auto& [kind, peak] : most) EXPECT_GT(peak, 0.99) << kind << " never fills a port";
  EXPECT_EQ(most.size(), topology_kinds().size());
}

}  // namespace
}  // namespace lockstep::test
